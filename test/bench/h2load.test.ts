import { expect, test } from 'vitest'
import { readH2load } from '../../bench/load/h2load.ts'

function output(requests: string, codes: string): string {
  return `Main benchmark duration is over for thread #0. Stopping all clients.
Stopped all clients for thread #0

finished in 2.00s, 500.25 req/s, 8.37MB/s
requests: ${requests}
status codes: ${codes}
traffic: 16.75MB (17563197) total, 5.23MB (5481385) headers (space savings 50.51%), 9.60MB (10067850) data
                     min         max         mean         sd        +/- sd
time for request:      841us      5.52ms      2.26ms       225us    94.24%
req/s           :    6972.07     7018.60     6990.36       13.33    75.00%`
}

/** One line a request: start, status, duration in µs. */
const LOG = Array.from(
  { length: 100 },
  (_, index) => `1795262059534855\t200\t${(100 - index) * 1_000}\n`,
).join('')

test('what h2load prints is read: count, bytes, time, and quantiles from its log', () => {
  const text = output(
    '1001 total, 1065 started, 1001 done, 1001 succeeded, 0 failed, 0 errored, 0 timeout',
    '1001 2xx, 0 3xx, 0 4xx, 0 5xx',
  )
  const { seconds, ...counts } = readH2load(text, LOG)
  expect(seconds).toBeCloseTo(2.001, 3)
  expect(counts).toEqual({
    requests: 1001,
    bytes: 17_563_197,
    p50Ms: 51,
    p99Ms: 100,
    errors: { failed: 0, errored: 0, timeout: 0, status: 0 },
  })
})

test('failures are counted by kind, and answers other than 2xx', () => {
  const text = output(
    '120 total, 120 started, 110 done, 100 succeeded, 20 failed, 8 errored, 2 timeout',
    '100 2xx, 3 3xx, 2 4xx, 5 5xx',
  )
  expect(readH2load(text, LOG).errors).toEqual({ failed: 20, errored: 8, timeout: 2, status: 10 })
})

test('a figure that is missing is named with all that was printed', () => {
  expect(() => readH2load('Could not connect', '')).toThrow(/h2load gave no figure .*: Could not/)
})
