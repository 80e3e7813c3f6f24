/** The cases as the files have them: what is sent, and what may come of it. A key that nobody reads is refused. */

import { readFileSync } from 'node:fs'
import type { Assertions } from './assertions.ts'

export type Side =
  | 'client-h1'
  | 'client-h2'
  | 'client-proxyproto'
  | 'upstream-h1'
  | 'upstream-h2'
  | 'timing'

export interface HostileCase {
  readonly name: string
  readonly side: Side
  readonly category: string
  readonly tier: 'must' | 'hardening' | 'control'
  /** What the hostile side sends, one char a byte, perhaps with tokens to expand. */
  readonly raw: string
  readonly expand?: boolean
  /** Appended to `raw` so many times, over HTTP/2 with the stream's number raised each time. */
  readonly repeatUnit?: string
  readonly repeat?: number
  readonly streamIdStep?: number
  /** What in `raw` stands for the name that the proxy gives itself in Via. */
  readonly template?: string
  /** `no-read`: the client takes nothing. */
  readonly client?: string
  /** How many clients there are. */
  readonly count?: number
  /** Of a hostile client: what the upstream answers. */
  readonly upstream?: string
  /** Of a hostile upstream: what the client asks. */
  readonly request?: string
  /** What happens after the last byte. */
  readonly then?: string
  /** Acceptable outcomes, separated by bars. */
  readonly expect: string
  readonly assert?: Assertions
}

/** All that a case may have: the fields above, and what is said for people. */
const KEYS: ReadonlySet<string> = new Set(
  (
    'name side category tier raw expand repeatUnit repeat streamIdStep template client count upstream request then ' +
    // `step` is `streamIdStep` once more.
    'expect assert why source observed policy control note step'
  ).split(' '),
)

export function readCases(fileName: string): readonly HostileCase[] {
  const cases: readonly HostileCase[] = JSON.parse(
    readFileSync(new URL(fileName, import.meta.url), 'utf8'),
  )
  for (const one of cases) {
    const unknown = Object.keys(one).filter((key) => !KEYS.has(key))
    if (unknown.length > 0) throw new Error(`Case ${one.name} has ${unknown.join(', ')}`)
  }
  return cases
}

const STREAM_ID_AT = 5
const FRAME_HEADER_BYTES = 9

/** What to send: first `bytes`, then `again` without an end if it is not empty. */
export function expand(one: HostileCase, proxyName = ''): { bytes: Buffer; again: Buffer } {
  if (one.repeatUnit !== undefined) return { bytes: flood(one), again: Buffer.alloc(0) }
  const raw = one.template === undefined ? one.raw : one.raw.replaceAll(one.template, proxyName)
  if (one.expand !== true) return { bytes: Buffer.from(raw, 'latin1'), again: Buffer.alloc(0) }
  const text = repeated(raw)
  const stream = /\{\{stream:(.*):forever\}\}$/s.exec(text)
  if (stream === null) return { bytes: Buffer.from(text, 'latin1'), again: Buffer.alloc(0) }
  return {
    bytes: Buffer.from(text.slice(0, stream.index), 'latin1'),
    again: Buffer.from(lineEnds(stream[1]!), 'latin1'),
  }
}

/** Expands `{{repeat:UNIT:COUNT}}`, the innermost first. */
function repeated(raw: string): string {
  const innermost = /\{\{repeat:((?:(?!\{\{|\}\}).)*):(\d+)\}\}/gs
  let text = raw
  for (let before = ''; text !== before;) {
    before = text
    text = text.replaceAll(innermost, (_, unit: string, count: string) =>
      lineEnds(unit).repeat(Number(count)),
    )
  }
  return text
}

function lineEnds(unit: string): string {
  return unit.replaceAll(String.raw`\r`, '\r').replaceAll(String.raw`\n`, '\n')
}

/** Frame after frame: those of a unit that are on a stream are on the next stream each time. */
function flood({ raw, repeatUnit = '', repeat = 1, streamIdStep = 0 }: HostileCase): Buffer {
  const pieces = [Buffer.from(raw, 'latin1')]
  for (let index = 0; index < repeat; index++) {
    const unit = Buffer.from(repeatUnit, 'latin1')
    for (let at = 0; at < unit.length; at += FRAME_HEADER_BYTES + unit.readUIntBE(at, 3)) {
      const stream = unit.readUInt32BE(at + STREAM_ID_AT)
      if (stream > 0) unit.writeUInt32BE(stream + index * streamIdStep, at + STREAM_ID_AT)
    }
    pieces.push(unit)
  }
  return Buffer.concat(pieces)
}
