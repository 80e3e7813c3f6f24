import { expect, test } from 'vitest'
import { createTallyBuffer, segment } from '../../../src/analyzer/tally.ts'
import { createLog } from '../../../src/control/log.ts'
import { refusalLine } from '../../../src/control/telemetry/refusal-line.ts'
import { type RefusalReport, Refusals } from '../../../src/proxy/refusals.ts'

/** What the log has after these refusals, at that level. */
function logOf(isDebug: boolean, refuse: (refusals: Refusals) => void): string {
  let written = ''
  const log = createLog(
    (line) => (written += line),
    () => 0,
    () => isDebug,
  )
  const context = {
    tally: segment(createTallyBuffer(1), 0),
    nowMs: 0,
    table: { tellsRefusals: true },
  }
  refuse(new Refusals(context, (report) => log.debug(refusalLine(report))))
  return written
}

test('a refusal is one line, whatever was found', () => {
  const log = logOf(true, (refusals) => {
    refusals.request('badHost', '192.0.2.1', 'a\r\n1970-01-01 info all is well\x1b[2J')
    refusals.connection('addressLimit', '2001:db8::1')
  })
  expect(log).toBe(
    String.raw`1970-01-01T00:00:00.000Z debug Refused a request of 192.0.2.1 by the rule badHost: "a\r\n1970-01-01 info all is well\u001b[2J"` +
      '\n1970-01-01T00:00:00.000Z debug Refused a connection of 2001:db8::1 by the rule addressLimit\n',
  )
})

test('the line of a flood says how many others there were', () => {
  const report: RefusalReport = {
    refused: 'connection',
    rule: 'flood',
    address: '192.0.2.1',
    found: 'RST_STREAM',
    untoldCount: 12,
  }
  expect(refusalLine(report)).toBe(
    'Refused a connection of 192.0.2.1 by the rule flood: "RST_STREAM" (12 before it were not told)',
  )
})

test('above debug level nothing is written', () => {
  expect(logOf(false, (refusals) => refusals.request('badHost', '192.0.2.1', 'a b'))).toBe('')
})
