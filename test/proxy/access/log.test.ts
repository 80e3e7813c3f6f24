import { setImmediate } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { createTallyBuffer, segment, THREAD } from '../../../src/analyzer/tally.ts'
import { AccessLog, BATCH_BYTES, WAITING_LIMIT_BYTES } from '../../../src/proxy/access/log.ts'
import { accessLine } from '../../../src/proxy/access/entry.ts'
import type { AccessLog as AccessRule } from '../../../src/proxy/snapshot.ts'
import { END, REQUEST, TIMES } from './entries.ts'

const ALL: AccessRule = { mode: 'all', ratio: 0 }
const LINE = accessLine(REQUEST, END, TIMES)

function createLog(accessLog: AccessRule | null = ALL) {
  const tally = segment(createTallyBuffer(1), 0)
  const context = { tally, table: { accessLog } }
  const sent: string[] = []
  const log = new AccessLog(context, {
    send: (lines) => void sent.push(lines),
    nowMs: () => 0,
    wallMs: () => REQUEST.beganMs,
  })
  const write = (count: number): void => {
    for (let i = 0; i < count; i++) log.write(REQUEST, END, TIMES)
  }
  return { log, context, sent, write, dropped: () => tally[THREAD.accessDropped] }
}

describe('what is written', () => {
  test.for([
    ['off', null, [false, false, false]],
    ['errors', { mode: 'errors', ratio: 1 }, [false, false, true]],
    ['sampled', { mode: 'sampled', ratio: 0.5 }, [true, false, true]],
    ['sampled at 0', { mode: 'sampled', ratio: 0 }, [false, false, true]],
    ['sampled at 1', { mode: 'sampled', ratio: 1 }, [true, true, true]],
    ['all', ALL, [true, true, true]],
  ] as const)('%s', ([, rule, [isLowWritten, isHighWritten, isErrorWritten]]) => {
    const { log } = createLog(rule)
    expect(log.wants(false, 0)).toBe(isLowWritten)
    expect(log.wants(false, 0.5)).toBe(isHighWritten)
    expect(log.wants(true, 0.999)).toBe(isErrorWritten)
  })

  test('follows the table in force', () => {
    const { log, context } = createLog(null)
    expect(log.wants(true, 0)).toBe(false)
    context.table = { accessLog: ALL }
    expect(log.wants(false, 0.999)).toBe(true)
  })
})

describe('a batch', () => {
  test('waits for the sweep while it is small', async () => {
    const { log, sent, write } = createLog()
    write(3)
    await setImmediate()
    expect(sent).toEqual([])
    log.flush()
    log.flush()
    expect(sent).toEqual([LINE.repeat(3)])
  })

  test('leaves at the end of the turn once it is large, in one piece', async () => {
    const { sent, write } = createLog()
    const count = Math.ceil(BATCH_BYTES / LINE.length)
    write(count + 5)
    expect(sent).toEqual([])
    await setImmediate()
    expect(sent).toEqual([LINE.repeat(count + 5)])
    write(count)
    await setImmediate()
    expect(sent).toHaveLength(2)
  })
})

describe('a control that does not write', () => {
  const LIMIT_LINES = Math.ceil(WAITING_LIMIT_BYTES / LINE.length)

  test('costs lines, which are counted, and no more memory', () => {
    const { log, sent, write, dropped } = createLog()
    write(LIMIT_LINES)
    expect(dropped()).toBe(0)
    write(7)
    log.flush()
    write(5)
    log.flush()
    expect(dropped()).toBe(12)
    expect(sent.join('')).toBe(LINE.repeat(LIMIT_LINES))
  })

  test('gets lines again as soon as it has written some', () => {
    const { log, sent, write, dropped } = createLog()
    write(LIMIT_LINES)
    log.flush()
    write(1)
    log.acknowledge(2 * LINE.length)
    write(3)
    log.flush()
    expect(dropped()).toBe(2)
    expect(sent[1]).toBe(LINE.repeat(2))
  })
})

describe('a request whose head could not be read', () => {
  const client = { address: '192.0.2.7', isSecure: true }

  test('is written with what is known', () => {
    const { log, sent } = createLog({ mode: 'errors', ratio: 0 })
    log.writeRefused('badHost', client)
    log.flush()
    expect(JSON.parse(sent[0]!)).toMatchObject({
      time: '2026-11-21T09:30:01.007Z',
      method: null,
      status: 400,
      flags: 'DPE',
      client: '192.0.2.7',
      tls: true,
      durationMs: 0,
    })
  })

  test('is not written when the log is off', () => {
    const { log, sent } = createLog(null)
    log.writeRefused('badHost', client)
    log.flush()
    expect(sent).toEqual([])
  })
})
