/** What the log says of one refusal, at debug level. The report's texts are escaped already. */

import type { RefusalReport } from '../../proxy/refusals.ts'

/** Returns a sentence such as `Refused a request of 192.0.2.1 by the rule badHost: "a b"`. */
export function refusalLine(report: RefusalReport): string {
  const { refused, rule, address, found, untoldCount } = report
  const shown = found === '' ? '' : `: "${found}"`
  const untold = untoldCount === 0 ? '' : ` (${untoldCount} before it were not told)`
  return `Refused a ${refused} of ${address} by the rule ${rule}${shown}${untold}`
}
