import { expect, test } from 'vitest'
import {
  CONNECTION_REFUSAL_LIMIT,
  createTallyBuffer,
  FAILURE_LIMIT,
  REQUEST_FAULT_LIMIT,
  segment,
  THREAD,
} from '../../src/analyzer/tally.ts'
import { UPSTREAM_FAILURE_NAMES } from '../../src/proxy/failure.ts'
import {
  CONNECTION_REFUSALS,
  type RefusalReport,
  Refusals,
  REPORTS_PER_SECOND,
  REQUEST_FAULT_NAMES,
} from '../../src/proxy/refusals.ts'

function createRefusals(tellsRefusals: boolean) {
  const tally = segment(createTallyBuffer(1), 0)
  const context = { tally, nowMs: 5_000, table: { tellsRefusals } }
  const told: RefusalReport[] = []
  const refusals = new Refusals(context, (report) => void told.push(report))
  return { refusals, context, told, tally }
}

test('the tally has room for every reason', () => {
  expect(CONNECTION_REFUSALS.length).toBeLessThanOrEqual(CONNECTION_REFUSAL_LIMIT)
  expect(REQUEST_FAULT_NAMES.length).toBeLessThanOrEqual(REQUEST_FAULT_LIMIT)
  expect(UPSTREAM_FAILURE_NAMES.length).toBeLessThanOrEqual(FAILURE_LIMIT)
})

test.for(CONNECTION_REFUSALS)(
  'a connection refused as %s is counted there and in total',
  (reason) => {
    const { refusals, tally } = createRefusals(false)
    refusals.connection(reason, '192.0.2.1')
    const counts = tally.subarray(
      THREAD.refusedConnections,
      THREAD.refusedConnections + CONNECTION_REFUSAL_LIMIT,
    )
    expect(counts[CONNECTION_REFUSALS.indexOf(reason)]).toBe(1)
    expect(counts.reduce((sum, count) => sum + count)).toBe(1)
    expect(tally[THREAD.refused]).toBe(1)
  },
)

test.for(REQUEST_FAULT_NAMES)('a request refused as %s is counted there', (fault) => {
  const { refusals, tally } = createRefusals(false)
  refusals.request(fault, '192.0.2.1', '')
  const counts = tally.subarray(THREAD.refusedRequests, THREAD.localCodes)
  expect(counts[REQUEST_FAULT_NAMES.indexOf(fault)]).toBe(1)
  expect(counts.reduce((sum, count) => sum + count)).toBe(1)
  expect(tally[THREAD.refused]).toBe(0)
})

test('nothing is told unless the table in force asks for it', () => {
  const { refusals, context, told } = createRefusals(false)
  refusals.request('badHost', '192.0.2.1', 'a b')
  expect(told).toEqual([])
  context.table = { tellsRefusals: true }
  refusals.request('badHost', '192.0.2.1', 'a b')
  refusals.connection('limit', '192.0.2.2')
  expect(told).toEqual([
    { refused: 'request', rule: 'badHost', address: '192.0.2.1', found: 'a b', untoldCount: 0 },
    { refused: 'connection', rule: 'limit', address: '192.0.2.2', found: '', untoldCount: 0 },
  ])
})

test('what was found is told without control bytes, and of a long one its beginning', () => {
  const { refusals, told } = createRefusals(true)
  refusals.request('malformed', '192.0.2.1', 'GET /\r\nX: "\x1b[2J')
  refusals.connection('proxyHeader', 'evil\nline', 'P'.repeat(100_000))
  expect(told[0]!.found).toBe(String.raw`GET /\r\nX: \"\u001b[2J`)
  expect(told[1]).toMatchObject({ address: String.raw`evil\nline`, found: `${'P'.repeat(197)}...` })
})

test('a flood is told up to the limit of a second, and the next second says how many were left out', () => {
  const { refusals, context, told, tally } = createRefusals(true)
  for (let i = 0; i < REPORTS_PER_SECOND + 42; i++) refusals.connection('flood', '192.0.2.1')
  expect(told).toHaveLength(REPORTS_PER_SECOND)
  context.nowMs += 999
  refusals.connection('flood', '192.0.2.1')
  expect(told).toHaveLength(REPORTS_PER_SECOND)
  context.nowMs += 1
  refusals.connection('flood', '192.0.2.1')
  refusals.connection('flood', '192.0.2.1')
  expect(told.slice(REPORTS_PER_SECOND).map((report) => report.untoldCount)).toEqual([43, 0])
  expect(tally[THREAD.refused]).toBe(REPORTS_PER_SECOND + 45)
})
