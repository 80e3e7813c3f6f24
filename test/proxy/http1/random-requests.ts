/** Random legal requests, and what they have to mean: worked out from their parts, not from their text. */

import * as fc from 'fast-check'
import { BY_LENGTH, CHUNKED, NO_BODY } from '../../../src/proxy/http1/framing.ts'
import { head, type RequestMeaning } from './heads.ts'
import {
  connectionField,
  customs,
  type Field,
  type Framing,
  framingFields,
  framings,
  hopByHops,
  isPersistent,
  mixedCase,
  named,
  nothingOr,
  shuffled,
  strings,
  values,
} from './random-fields.ts'

const PATH = "abcXYZ019-._~!$&'()*+,;=:@%41"

const hosts = fc.constantFrom('a', 'Shop.Example:8080', '[::1]:80', '127.0.0.1', '')

const originTargets = fc
  .tuple(
    fc.array(
      strings(PATH, { maxLength: 5 }).filter((segment) => !segment.startsWith('.')),
      { minLength: 1, maxLength: 4 },
    ),
    fc.option(strings(`${PATH}/?.`, { maxLength: 8 }), { nil: null }),
  )
  .map(([segments, query]) => `/${segments.join('/')}${query === null ? '' : `?${query}`}`)

/** What the request line says, and what it means. */
const requestTargets = fc.oneof(
  {
    weight: 6,
    arbitrary: originTargets.map((target) => ({ sent: target, target, authority: null })),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(
        fc.constantFrom('http://', 'HTTPS://'),
        hosts.filter((host) => host !== ''),
        originTargets,
      )
      .map(([scheme, authority, target]) => ({
        sent: scheme + authority + target,
        target,
        authority,
      })),
  },
)

export interface RandomRequest {
  readonly text: string
  readonly means: RequestMeaning
}

const IDEMPOTENT = new Set(['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS', 'PROPFIND'])

export const requests: fc.Arbitrary<RandomRequest> = fc
  .record({
    method: fc.constantFrom(
      'GET',
      'HEAD',
      'POST',
      'PUT',
      'PATCH',
      'DELETE',
      'OPTIONS',
      'PROPFIND',
      'LOCK',
    ),
    target: requestTargets,
    host: hosts,
    minorVersion: fc.constantFrom(1, 1, 1, 0),
    isHostLeftOut: fc.boolean(),
    framing: framings,
    expects: fc.constantFrom(false, false, true),
    cookies: fc.array(
      named(
        'cookie',
        'cookie',
        values.filter((value) => value !== ''),
      ),
      { maxLength: 3 },
    ),
    forwarding: nothingOr(named('dropped', 'x-forwarded-for', values)),
    upgrade: nothingOr(named('dropped', 'upgrade', fc.constant('h2c'))),
    date: nothingOr(named('kept', 'date', values)),
    hopByHops,
    customs,
  })
  .filter(({ framing, minorVersion }) => framing.kind !== 'chunked' || minorVersion === 1)
  .chain((parts) => {
    const hasHost = !(parts.isHostLeftOut && parts.minorVersion === 0)
    return fc
      .record({
        connection: connectionField(parts.customs),
        framed: framingFields(parts.framing),
        hostField: named('host', 'host', fc.constant(parts.host)),
        expectField: named('expect', 'expect', mixedCase('100-continue')),
      })
      .chain(({ connection, framed, hostField, expectField }) =>
        shuffled([
          ...parts.cookies,
          ...parts.forwarding,
          ...parts.upgrade,
          ...parts.date,
          ...parts.hopByHops,
          ...parts.customs,
          ...connection.fields,
          ...framed,
          ...(hasHost ? [hostField] : []),
          ...(parts.expects ? [expectField] : []),
        ]).map((fields) => describeRequest({ ...parts, hasHost, connection, fields })),
      )
  })

function describeRequest(parts: {
  readonly method: string
  readonly target: {
    readonly sent: string
    readonly target: string
    readonly authority: string | null
  }
  readonly host: string
  readonly hasHost: boolean
  readonly minorVersion: number
  readonly framing: Framing
  readonly expects: boolean
  readonly cookies: readonly Field[]
  readonly connection: {
    readonly dropped: ReadonlySet<string>
    readonly options: readonly string[]
  }
  readonly fields: readonly Field[]
}): RandomRequest {
  const { method, target, minorVersion, framing, fields, connection } = parts
  const length = framing.kind === 'length' ? framing.length : 0
  const isEmptyGet = method === 'GET' && framing.kind === 'length' && length === 0
  const hasContent = framing.kind === 'chunked' || length > 0
  const expectsContinue = parts.expects && hasContent && minorVersion === 1
  const isAbsolute = target.authority !== null
  const host = target.authority ?? (parts.hasHost ? parts.host : '')
  const lines = fields.filter(({ use, name }) => {
    if (use === 'custom') return !connection.dropped.has(name.toLowerCase())
    if (use === 'host') return !isAbsolute
    if (use === 'cookie') return parts.cookies.length === 1
    return use === 'kept' || (use === 'expect' && expectsContinue)
  })
  const cookies = fields.filter(({ use }) => use === 'cookie').map(({ value }) => value)
  return {
    text: head(
      `${method} ${target.sent} HTTP/1.${minorVersion}`,
      ...fields.map(({ line }) => line),
    ),
    means: {
      method,
      target: target.target,
      host,
      minorVersion,
      bodyKind: isEmptyGet
        ? NO_BODY
        : { none: NO_BODY, length: BY_LENGTH, chunked: CHUNKED }[framing.kind],
      contentLength: length,
      isPersistent: isPersistent(connection.options, minorVersion),
      isIdempotent: IDEMPOTENT.has(method),
      expectsContinue,
      isUpgrade: false,
      lines: [
        ...(isAbsolute || !parts.hasHost ? [`host: ${host}`] : []),
        ...lines.map(({ line }) => line),
        ...(cookies.length > 1 ? [`cookie: ${cookies.join('; ')}`] : []),
      ],
    },
  }
}
