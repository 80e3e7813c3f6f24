/** Random legal answers, and what they have to mean: worked out from their parts, not from their text. */

import * as fc from 'fast-check'
import { BY_LENGTH, CHUNKED, NO_BODY, UNTIL_CLOSE } from '../../../src/proxy/http1/framing.ts'
import { head, type ResponseMeaning } from './heads.ts'
import {
  connectionField,
  customs,
  type Field,
  type Framing,
  framingFields,
  framings,
  hopByHops,
  isPersistent,
  named,
  nothingOr,
  shuffled,
  strings,
  values,
  VISIBLE,
} from './random-fields.ts'

export interface RandomResponse {
  /** Of the request. */
  readonly method: string
  readonly text: string
  readonly means: ResponseMeaning
}

const reasons = strings(`${VISIBLE} \t`, { maxLength: 12 })

export const responses: fc.Arbitrary<RandomResponse> = fc
  .record({
    method: fc.constantFrom('GET', 'POST', 'HEAD'),
    status: fc.oneof(
      fc.constantFrom(100, 103, 200, 204, 205, 304, 404, 500),
      fc.integer({ min: 100, max: 599 }),
    ),
    reason: reasons,
    minorVersion: fc.constantFrom(1, 1, 1, 0),
    framing: framings,
    date: nothingOr(named('kept', 'date', values)),
    cookies: fc.array(named('kept', 'set-cookie', values), { maxLength: 2 }),
    hopByHops,
    customs,
  })
  .filter(({ framing, minorVersion }) => framing.kind !== 'chunked' || minorVersion === 1)
  .chain((parts) =>
    fc
      .record({ connection: connectionField(parts.customs), framed: framingFields(parts.framing) })
      .chain(({ connection, framed }) =>
        shuffled([
          ...parts.date,
          ...parts.cookies,
          ...parts.hopByHops,
          ...parts.customs,
          ...connection.fields,
          ...framed,
        ]).map((fields) => describeResponse({ ...parts, connection, fields })),
      ),
  )
  // An interim answer cannot be the last on its connection.
  .filter(({ means }) => means.status >= 200 || means.status === 101 || means.isPersistent)

function describeResponse(parts: {
  readonly method: string
  readonly status: number
  readonly reason: string
  readonly minorVersion: number
  readonly framing: Framing
  readonly date: readonly Field[]
  readonly connection: {
    readonly dropped: ReadonlySet<string>
    readonly options: readonly string[]
  }
  readonly fields: readonly Field[]
}): RandomResponse {
  const { method, status, minorVersion, framing, fields, connection } = parts
  const statusText = `${status} ${parts.reason}`
  const isNeverFramed = status < 200 || status === 204
  const hasNoBody = isNeverFramed || status === 304 || method === 'HEAD'
  const kept = fields.filter(
    ({ use, name }) =>
      use === 'kept' || (use === 'custom' && !connection.dropped.has(name.toLowerCase())),
  )
  return {
    method,
    text: head(`HTTP/1.${minorVersion} ${statusText}`, ...fields.map(({ line }) => line)),
    means: {
      status,
      statusText,
      bodyKind: hasNoBody
        ? NO_BODY
        : { none: UNTIL_CLOSE, length: BY_LENGTH, chunked: CHUNKED }[framing.kind],
      contentLength: framing.kind === 'length' && !isNeverFramed ? framing.length : -1,
      isPersistent: isPersistent(connection.options, minorVersion),
      hasDate: parts.date.length > 0,
      lines: kept.map(({ line }) => line),
    },
  }
}
