import { expect, test } from 'vitest'
import { createBufferPool, READ_BYTES } from '../../src/proxy/buffers.ts'
import { ThreadContext } from '../../src/proxy/context.ts'
import { compileTable } from '../../src/proxy/table.ts'
import { head, latin1, LIMITS } from './http1/heads.ts'
import { ROUTE, snapshotOf } from './routes.ts'

test('heads that are read after a new table obey its limits', () => {
  const context = new ThreadContext({
    tally: new Uint32Array(0),
    nowMs: 0,
    random: () => 0,
    report: () => undefined,
  })
  const useLimit = (headBytes: number): void => {
    const limits = { ...LIMITS, headBytes, responseHeadBytes: headBytes }
    context.use(compileTable(snapshotOf([ROUTE], { limits }), context))
  }
  const request = latin1(head('GET / HTTP/1.1', 'Host: a'))
  const answer = latin1(head('HTTP/1.1 204 No Content'))

  useLimit(1_024)
  expect(context.requestHead.parse(request, 0, request.length)).toBe(request.length)
  expect(context.responseHead.parse(answer, 0, answer.length, 'GET')).toBe(answer.length)
  useLimit(20)
  expect(context.requestHead.parse(request, 0, request.length)).toBe(-1)
  expect(context.responseHead.parse(answer, 0, answer.length, 'GET')).toBe(-1)
})

test('a buffer that was given back is taken again, and no buffer is taken twice', () => {
  const pool = createBufferPool()
  const [a, b] = [pool.take(), pool.take()]
  expect([a.length, b.length, pool.scratch.length]).toEqual([READ_BYTES, READ_BYTES, READ_BYTES])
  expect(new Set([a.buffer, b.buffer, pool.scratch.buffer]).size).toBe(3)
  pool.give(a)
  expect(pool.take()).toBe(a)
  expect(pool.take()).not.toBe(a)
})

test('no more than 64 spare buffers are kept', () => {
  const pool = createBufferPool()
  const buffers = Array.from({ length: 65 }, () => Buffer.allocUnsafeSlow(1))
  for (const buffer of buffers) pool.give(buffer)
  const taken = Array.from({ length: 65 }, () => pool.take())
  expect(taken.filter((buffer) => buffer.length === 1)).toHaveLength(64)
})
