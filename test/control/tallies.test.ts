import * as fc from 'fast-check'
import { beforeEach, describe, expect, test } from 'vitest'
import { binIndex } from '../../src/analyzer/histogram.ts'
import {
  CODE_COUNT,
  COHORT_FAULT_LIMIT,
  CONNECTION_REFUSAL_LIMIT,
  FIRST_CODE,
  METHODS,
  SERIES,
  SERIES_LIMIT,
  THREAD,
  createTallyBuffer,
  segment,
  seriesOffset,
  settleAbandoned,
} from '../../src/analyzer/tally.ts'
import { EVIDENCE_LIMIT } from '../../src/control/series.ts'
import { type Tallies, createTallies } from '../../src/control/tallies.ts'

const THREADS = 3

let buffer: SharedArrayBuffer
let tallies: Tallies

beforeEach(() => {
  buffer = createTallyBuffer(THREADS)
  tallies = createTallies({ buffer, threadCount: THREADS, seriesCount: () => 4 })
})

interface Outcome {
  readonly thread?: number
  readonly series?: number
  readonly latencyUs?: number
  readonly code?: number
  readonly isError?: boolean
}

function add(offset: number, thread: number, by: number): void {
  const words = segment(buffer, thread)
  words[offset] = words[offset]! + by
}

/** Counts as a proxy thread does for one answered request. */
function answer({
  thread = 0,
  series = 0,
  latencyUs = 1_000,
  code = 200,
  isError = false,
}: Outcome): void {
  const start = seriesOffset(series)
  add(start + SERIES.started, thread, 1)
  add(start + SERIES.finished, thread, 1)
  add(start + SERIES.errors, thread, isError ? 1 : 0)
  add(start + SERIES.codes + code - FIRST_CODE, thread, 1)
  add(start + SERIES.latency + binIndex(latencyUs), thread, 1)
}

function begin(thread: number, series = 0): void {
  add(seriesOffset(series) + SERIES.started, thread, 1)
}

describe('totals', () => {
  test('add up the threads', () => {
    answer({ thread: 0, code: 200 })
    answer({ thread: 1, code: 200 })
    answer({ thread: 2, code: 503, isError: true, latencyUs: 31 })
    answer({ thread: 2, series: 1 })
    tallies.read(100)
    const totals = tallies.totals(0)
    expect(totals).toMatchObject({ startedCount: 3, finishedCount: 3, errorCount: 1 })
    expect(totals.codes[200 - FIRST_CODE]).toBe(2)
    expect(totals.codes[503 - FIRST_CODE]).toBe(1)
    expect(totals.latency[31]).toBe(1)
    expect(totals.latency[binIndex(1_000)]).toBe(2)
    expect(tallies.totals(1).finishedCount).toBe(1)
  })

  test('have each counter in its place', () => {
    const start = seriesOffset(2)
    add(start + SERIES.started, 0, 10)
    add(start + SERIES.finished, 0, 7)
    add(start + SERIES.clientAborts, 1, 2)
    add(start + SERIES.retries, 1, 3)
    add(start + SERIES.tunnelsOpened, 0, 5)
    add(start + SERIES.tunnelsOpened, 1, 4)
    add(start + SERIES.tunnelsClosed, 2, 2)
    add(start + SERIES.requestBytes, 2, 4_000_000_000)
    add(start + SERIES.responseBytes, 2, 5)
    add(start + SERIES.failures + 23, 0, 6)
    add(start + SERIES.codes + METHODS.length * CODE_COUNT - 1, 0, 8)
    tallies.read(100)
    const totals = tallies.totals(2)
    expect(totals).toMatchObject({
      startedCount: 10,
      finishedCount: 7,
      activeCount: 3,
      errorCount: 0,
      clientAbortCount: 2,
      retryCount: 3,
      tunnelCount: 9,
      activeTunnelCount: 7,
      requestBytes: 4_000_000_000,
      responseBytes: 5,
    })
    expect(totals.failures.at(-1)).toBe(6)
    expect(totals.codes.at(-1)).toBe(8)
    expect(totals.latency.every((count) => count === 0)).toBe(true)
  })

  test('go on where a counter passes 2^32', () => {
    const bytes = seriesOffset(0) + SERIES.responseBytes
    begin(0)
    for (let i = 1; i <= 5; i++) {
      add(bytes, 0, 3_000_000_000)
      add(bytes, 1, 1_000_000_000)
      tallies.read(i * 100)
      expect(tallies.totals(0).responseBytes).toBe(i * 4_000_000_000)
    }
  })

  test('grow by exactly what the threads count, at whatever moments they are read', () => {
    const outcome = fc.record({
      thread: fc.integer({ min: 0, max: THREADS - 1 }),
      latencyUs: fc.integer({ min: 0, max: 200_000_000 }),
      isError: fc.boolean(),
      readAfter: fc.boolean(),
    })
    fc.assert(
      fc.property(fc.array(outcome, { maxLength: 60 }), (story) => {
        buffer = createTallyBuffer(THREADS)
        tallies = createTallies({ buffer, threadCount: THREADS, seriesCount: () => 1 })
        let nowMs = 0
        for (const each of story) {
          answer(each)
          if (each.readAfter) tallies.read((nowMs += 100))
        }
        tallies.read((nowMs += 100))
        const { finishedCount, errorCount, latency } = tallies.totals(0)
        expect(finishedCount).toBe(story.length)
        expect(errorCount).toBe(story.filter((each) => each.isError).length)
        expect(latency.reduce((a, b) => a + b, 0)).toBe(story.length)
        expect(tallies.windows(0)['5m']).toMatchObject({ requestCount: story.length, errorCount })
      }),
      { numRuns: 50 },
    )
  })

  test('of a series that nothing was counted on are zero, and it has no data', () => {
    tallies.read(100)
    expect(tallies.totals(3)).toMatchObject({ startedCount: 0, activeCount: 0 })
    expect(tallies.windows(3)['10s']).toMatchObject({
      requestCount: 0,
      errorRatio: null,
      p50Us: null,
    })
  })

  test.for([-1, SERIES_LIMIT, 0.5, NaN])('there is no series %d', (series) => {
    expect(() => tallies.totals(series)).toThrow(RangeError)
    expect(() => tallies.openEvidence(series, 1_000)).toThrow(RangeError)
  })
})

describe('windows', () => {
  test('hold what was read within their length', () => {
    answer({ latencyUs: 31, isError: true })
    tallies.read(1_000)
    answer({ latencyUs: 15 })
    answer({ latencyUs: 15 })
    answer({ latencyUs: 15 })
    tallies.read(9_000)
    expect(tallies.windows(0)['10s']).toEqual({
      requestCount: 4,
      errorCount: 1,
      errorRatio: 0.25,
      p50Us: 15,
      p95Us: 31,
      p99Us: 31,
    })
    tallies.read(11_000)
    expect(tallies.windows(0)['10s']).toMatchObject({ requestCount: 3, errorCount: 0, p99Us: 15 })
    expect(tallies.windows(0)['1m'].requestCount).toBe(4)
    tallies.read(61_000)
    expect(tallies.windows(0)['10s']).toMatchObject({ requestCount: 0, errorRatio: null })
    expect(tallies.windows(0)['1m'].requestCount).toBe(3)
    expect(tallies.windows(0)['5m'].requestCount).toBe(4)
    tallies.read(310_000)
    expect(tallies.windows(0)['5m'].requestCount).toBe(0)
  })

  test('leave out what the client gave up', () => {
    answer({})
    begin(0)
    add(seriesOffset(0) + SERIES.finished, 0, 1)
    add(seriesOffset(0) + SERIES.clientAborts, 0, 1)
    tallies.read(100)
    expect(tallies.windows(0)['10s'].requestCount).toBe(1)
  })

  test('hold a latency that was counted after its request had been read', () => {
    begin(0)
    add(seriesOffset(0) + SERIES.finished, 0, 1)
    tallies.read(100)
    add(seriesOffset(0) + SERIES.latency + 7, 0, 1)
    tallies.read(200)
    expect(tallies.windows(0)['10s']).toMatchObject({ requestCount: 1, p50Us: 7 })
  })
})

describe('evidence', () => {
  test('never reaches back beyond its opening, not even to what was not yet read', () => {
    answer({ isError: true })
    tallies.read(100)
    answer({ isError: true })
    const evidence = tallies.openEvidence(0, 60_000)
    answer({})
    tallies.read(200)
    expect(evidence.counts()).toMatchObject({ requestCount: 1, errorCount: 0 })
    expect(tallies.windows(0)['10s']).toMatchObject({ requestCount: 3, errorCount: 2 })
  })

  test('is a rolling window after its length', () => {
    const evidence = tallies.openEvidence(0, 1_000)
    answer({ isError: true })
    tallies.read(1_000)
    answer({})
    tallies.read(1_900)
    expect(evidence.counts()).toMatchObject({ requestCount: 2, errorCount: 1 })
    tallies.read(2_000)
    expect(evidence.counts()).toMatchObject({ requestCount: 1, errorCount: 0 })
    tallies.read(2_900)
    expect(evidence.counts().requestCount).toBe(0)
  })

  test('of two windows on one series is separate', () => {
    const first = tallies.openEvidence(0, 10_000)
    answer({})
    tallies.read(100)
    const second = tallies.openEvidence(0, 10_000)
    answer({ latencyUs: 7 })
    tallies.read(200)
    expect(first.counts().requestCount).toBe(2)
    expect(second.counts()).toMatchObject({ requestCount: 1 })
    expect(second.counts().latency[7]).toBe(1)
  })

  test('takes nothing in when it is closed, and makes room for another', () => {
    const open = Array.from({ length: EVIDENCE_LIMIT }, () => tallies.openEvidence(0, 1_000))
    expect(() => tallies.openEvidence(0, 1_000)).toThrow(RangeError)
    open[0]!.close()
    tallies.openEvidence(0, 1_000)
    answer({})
    tallies.read(100)
    expect(open[0]!.counts().requestCount).toBe(0)
    expect(open[1]!.counts().requestCount).toBe(1)
  })
})

describe('threads', () => {
  test('have connections and local answers added up', () => {
    add(THREAD.accepted, 0, 5)
    add(THREAD.closed, 0, 2)
    add(THREAD.accepted, 2, 5)
    add(THREAD.refused, 1, 7)
    add(THREAD.refusedConnections + CONNECTION_REFUSAL_LIMIT - 1, 0, 2)
    add(THREAD.refusedConnections + CONNECTION_REFUSAL_LIMIT - 1, 1, 2)
    add(THREAD.refusedRequests, 1, 3)
    add(THREAD.refusedRequests, 2, 3)
    add(THREAD.accessDropped, 0, 8)
    add(THREAD.upstreamOpened, 1, 9)
    add(THREAD.upstreamClosed, 1, 1)
    add(THREAD.localCodes + 404 - FIRST_CODE, 0, 1)
    add(THREAD.localCodes + 404 - FIRST_CODE, 1, 1)
    add(THREAD.cohortFaults + COHORT_FAULT_LIMIT - 1, 1, 4)
    const totals = tallies.threadTotals()
    expect(totals).toMatchObject({
      downstreamConnectionCount: 8,
      acceptedCount: 10,
      refusedCount: 7,
      upstreamConnectionCount: 8,
      upstreamOpenedCount: 9,
    })
    expect(totals.localCodes[404 - FIRST_CODE]).toBe(2)
    expect(totals.refusedConnections.at(-1)).toBe(4)
    expect(totals.refusedRequests[0]).toBe(6)
    expect(totals.cohortFaults.at(-1)).toBe(4)
    expect(totals.accessDroppedCount).toBe(8)
  })

  test('that died have nothing open once their successors have closed the books', () => {
    add(THREAD.accepted, 1, 5)
    add(THREAD.upstreamOpened, 1, 4)
    begin(1)
    begin(1)
    begin(0)
    tallies.read(100)
    settleAbandoned(segment(buffer, 1))
    tallies.read(200)
    expect(tallies.threadTotals()).toMatchObject({
      downstreamConnectionCount: 0,
      upstreamConnectionCount: 0,
    })
    expect(tallies.totals(0)).toMatchObject({ activeCount: 1, clientAbortCount: 2 })
    expect(tallies.windows(0)['10s'].requestCount).toBe(0)
  })

  test('have an open count that survives the passing of 2^32', () => {
    add(THREAD.accepted, 0, 2 ** 32 - 1)
    add(THREAD.closed, 0, 2 ** 32 - 1)
    expect(tallies.threadTotals().downstreamConnectionCount).toBe(0)
    add(THREAD.accepted, 0, 3)
    expect(tallies.threadTotals().downstreamConnectionCount).toBe(3)
  })
})

test('restarted windows forget, totals and evidence do not', () => {
  const evidence = tallies.openEvidence(0, 60_000)
  answer({ isError: true })
  tallies.read(100)
  tallies.restartWindows(0)
  expect(tallies.windows(0)['1m']).toMatchObject({ requestCount: 0, errorRatio: null })
  answer({})
  tallies.read(200)
  expect(tallies.windows(0)['1m']).toMatchObject({ requestCount: 1, errorCount: 0 })
  expect(tallies.totals(0)).toMatchObject({ finishedCount: 2, errorCount: 1 })
  expect(evidence.counts()).toMatchObject({ requestCount: 2, errorCount: 1 })
})
