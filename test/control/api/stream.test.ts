import { connect } from 'node:net'
import { expect, test, vi } from 'vitest'
import { STREAM_LIMITS } from '../../../src/control/api/stream.ts'
import type { Rollout } from '../../../src/control/rollout/state.ts'
import { RUNNING, rolloutBase } from './fake-engine.ts'
import { serve } from './serve.ts'
import { readStream } from './sse.ts'

const LIVE: Rollout = { ...rolloutBase(), ...RUNNING, phase: 'progressing' }
const STREAM = '/v1/events/stream'

function upTo(count: number, from = 1): readonly number[] {
  return Array.from({ length: count - from + 1 }, (_, i) => from + i)
}

test('the stream is one that neither caches nor proxies may hold up', async () => {
  const { url } = await serve()
  const { status, headers } = await readStream(url, STREAM)
  expect(status).toBe(200)
  expect(headers).toMatchObject({
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-cache, no-transform',
    'x-accel-buffering': 'no',
  })
})

test('without a cursor only what happens from now on is told', async () => {
  const { url, emit } = await serve()
  emit(LIVE)
  emit(LIVE)
  const { messages } = await readStream(url, STREAM)
  await vi.waitFor(() => {
    emit(LIVE)
    expect(messages).not.toEqual([])
  })
  expect(messages[0]?.id).toBeGreaterThan(2)
})

test('an event has the sequence number as its id, and its type', async () => {
  const { url, emit, ask } = await serve()
  emit(LIVE)
  const { messages } = await readStream(url, `${STREAM}?after=0`)
  await vi.waitFor(() => expect(messages).toHaveLength(1))
  const { json } = await ask('GET', '/v1/events')
  expect(messages).toEqual([{ id: 1, type: 'start', data: json.events[0] }])
})

test.for([
  ['the header', STREAM, { 'last-event-id': '120' }, 121],
  ['the query', `${STREAM}?after=240`, {}, 241],
  ['the header before the query', `${STREAM}?after=1`, { 'last-event-id': '249' }, 250],
  ['an empty header is none', `${STREAM}?after=249`, { 'last-event-id': '' }, 250],
  ['an id of a journal that is gone', STREAM, { 'last-event-id': '99999' }, 1],
] as const)('it resumes after %s', async ([, path, headers, first]) => {
  const { url, emit } = await serve()
  for (let i = 0; i < 250; i++) emit(LIVE)
  const { messages } = await readStream(url, path, headers)
  await vi.waitFor(() => expect(messages.at(-1)?.id).toBe(250))
  emit(LIVE)
  await vi.waitFor(() => expect(messages.at(-1)?.id).toBe(251))
  expect(messages.map(({ id }) => id)).toEqual(upTo(251, first))
})

test('a reader that comes back again and again misses nothing and sees nothing twice', async () => {
  const { url, emit } = await serve({ streamLimits: { ...STREAM_LIMITS, pageCount: 3 } })
  const TOTAL = 600
  let emitted = 0
  const producer = setInterval(() => {
    for (let i = 0; i < 7 && emitted < TOTAL; i++, emitted++) emit(LIVE)
    if (emitted === TOTAL) clearInterval(producer)
  }, 1)
  const seen: number[] = []
  while ((seen.at(-1) ?? 0) < TOTAL) {
    const headers = { 'last-event-id': String(seen.at(-1) ?? 0) }
    const reader = await readStream(url, STREAM, headers)
    const wanted = 1 + (seen.length % 50)
    await vi.waitFor(() => {
      const isAtEnd = reader.messages.at(-1)?.id === TOTAL
      if (!isAtEnd && reader.messages.length < wanted) throw new Error('not yet')
    })
    seen.push(...reader.messages.map(({ id }) => id))
    reader.close()
  }
  expect(seen).toEqual(upTo(TOTAL))
})

test('events that happen while the journal is read come once and in order', async () => {
  const served = await serve({ streamLimits: { ...STREAM_LIMITS, pageCount: 2 } })
  const { url, emit, store, journal } = served
  for (let i = 0; i < 5; i++) emit(LIVE)
  const read = store.journal.bind(store)
  Object.assign(store, {
    journal: async (query: Parameters<typeof read>[0]) => {
      if (journal.length < 40) emit(LIVE)
      const page = await read(query)
      await new Promise((resolve) => setImmediate(resolve))
      if (journal.length < 40) emit(LIVE)
      return page
    },
  })
  const { messages } = await readStream(url, `${STREAM}?after=0`)
  await vi.waitFor(() => expect(messages.at(-1)?.id).toBe(40))
  expect(messages.map(({ id }) => id)).toEqual(upTo(40))
})

test('what is written but not announced, as not yet routed, is not told', async () => {
  const { url, emit, journal, announce } = await serve()
  const { messages } = await readStream(url, `${STREAM}?after=0`)
  emit(LIVE)
  await vi.waitFor(() => expect(messages).toHaveLength(1))
  const [first] = journal
  if (first === undefined) throw new Error('no entry')
  const second = { ...first, seq: 2 }
  const third = { ...first, seq: 3 }
  journal.push(second, third)
  announce(second)
  await vi.waitFor(() => expect(messages).toHaveLength(2))
  announce(third)
  await vi.waitFor(() => expect(messages).toHaveLength(3))
  expect(messages.map(({ id }) => id)).toEqual([1, 2, 3])
})

test('a stream of one rollout leaves the others out and goes on past them', async () => {
  const { url, emit } = await serve({ streamLimits: { ...STREAM_LIMITS, pageCount: 2 } })
  const { messages } = await readStream(url, `${STREAM}?after=0&rollout=shop-2`)
  for (let i = 1; i <= 30; i++) emit({ ...LIVE, id: i % 5 === 0 ? 'shop-2' : 'shop-1' })
  await vi.waitFor(() => expect(messages).toHaveLength(6))
  expect(messages.map(({ id }) => id)).toEqual([5, 10, 15, 20, 25, 30])
})

test('a silent stream is kept alive by comments', async () => {
  const { url } = await serve({ streamLimits: { ...STREAM_LIMITS, heartbeatMs: 5 } })
  const { comments, messages } = await readStream(url, STREAM)
  await vi.waitFor(() => expect(comments.length).toBeGreaterThan(2))
  expect(messages).toEqual([])
})

test.for([
  ['-1', 400],
  ['abc', 400],
  ['1.5', 400],
] as const)('the last event id %s is malformed', async ([id, status]) => {
  const { ask } = await serve()
  const answer = await ask('GET', STREAM, { headers: { 'last-event-id': id } })
  expect([answer.status, answer.json.code]).toEqual([status, 'malformedRequest'])
})

test('one stream too many is refused until another one closes', async () => {
  const { url, ask } = await serve({ streamLimits: { ...STREAM_LIMITS, streamCount: 2 } })
  const first = await readStream(url, STREAM)
  await readStream(url, STREAM)
  const { status, headers, json } = await ask('GET', STREAM)
  expect([status, json.code, headers['retry-after']]).toEqual([503, 'tooManyStreams', '2'])
  first.close()
  await vi.waitFor(async () => expect((await readStream(url, STREAM)).status).toBe(200))
})

test('a reader that does not read is disconnected, and costs one page until then', async () => {
  const served = await serve({ streamLimits: { ...STREAM_LIMITS, stallMs: 50 } })
  const { port, emit, store } = served
  const reason = 'x'.repeat(10_000)
  for (let i = 0; i < 3_000; i++) {
    const entry = emit({ ...LIVE, phase: 'paused', reason: 'r', resumesTo: 'progressing' })
    Object.assign(entry.body, { reason })
  }
  let readCount = 0
  const read = store.journal.bind(store)
  Object.assign(store, {
    journal: async (query: Parameters<typeof read>[0]) => {
      readCount++
      return read(query)
    },
  })
  const socket = connect(port, '127.0.0.1')
  socket.pause()
  socket.write(`GET ${STREAM}?after=0 HTTP/1.1\r\nhost: localhost\r\n\r\n`)
  await vi.waitFor(() => expect(served.listenerCount()).toBe(1))
  await vi.waitFor(() => expect(served.listenerCount()).toBe(0), { timeout: 10_000 })
  expect(readCount).toBeLessThan(30)
  socket.destroy()
})

test('a store that cannot be read ends the stream, and the log says so', async () => {
  const { url, emit, store, logged } = await serve()
  emit(LIVE)
  Object.assign(store, { journal: () => Promise.reject(new Error('disk I/O error')) })
  const { ended } = await readStream(url, `${STREAM}?after=0`)
  await ended
  const error = expect.stringContaining('disk I/O error')
  expect(logged).toEqual([['an event stream broke off', { error }]])
})

test('closing the server ends the streams and does not wait for their readers', async () => {
  const { url, close, emit } = await serve()
  const readers = await Promise.all([readStream(url, STREAM), readStream(url, STREAM)])
  emit(LIVE)
  const startedMs = performance.now()
  await close()
  await Promise.all(readers.map(({ ended }) => ended))
  expect(performance.now() - startedMs).toBeLessThan(2_000)
})
