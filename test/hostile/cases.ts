/** The cases as `cases.json` has them: what is sent, and what may come of it. */

import { readFileSync } from 'node:fs'

export interface HostileCase {
  readonly name: string
  readonly side: string
  readonly category: string
  readonly tier: 'must' | 'hardening' | 'control'
  /** What the hostile side sends, one char a byte, perhaps with tokens to expand. */
  readonly raw: string
  readonly expand?: boolean
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

export interface Assertions {
  readonly status?: readonly number[]
  readonly acceptableStatus?: readonly number[]
  readonly finalStatus?: readonly number[]
  readonly finalBody?: string
  readonly statusCount?: number
  readonly close?: boolean
  readonly clientComplete?: boolean
  readonly clientMustNotInclude?: readonly string[]
  readonly clientHeadMustNotInclude?: readonly string[]
  readonly clientHeaderCount?: Readonly<Record<string, number>>
  readonly clientNoBareLF?: boolean
  readonly responseMustNotInclude?: readonly string[]
  readonly upstreamRequests?: number | readonly number[]
  readonly upstreamRequestLinesMustNotInclude?: readonly string[]
  readonly upstreamMustSee?: readonly string[]
  readonly upstreamMustNotSee?: readonly string[]
  readonly upstreamHeaderCount?: Readonly<Record<string, number>>
  readonly upstreamHeaderValueNot?: Readonly<Record<string, string>>
  readonly upstreamBody?: string
  readonly upstreamComplete?: boolean
  readonly upstreamNoBareLF?: boolean
  readonly upstreamNoBareCR?: boolean
  readonly upstreamConnReused?: boolean
  readonly maxConcurrentUpstreamPerClientConn?: number
  readonly ifUpstreamSeesLine?: {
    readonly line: string
    readonly mustCarryProxyHeader: readonly string[]
  }
  readonly routePathEqualsForwardedPath?: boolean
  readonly maxRssGrowthMB?: number
  /** Looked at after every case. */
  readonly processSurvives?: boolean
  /** Every case ends within the test's own time, which is shorter. */
  readonly within?: string
  /** There is only one upstream to go to. */
  readonly upstreamHostIs?: string
  /** For people. */
  readonly note?: string
}

const FILE = new URL('cases.json', import.meta.url)

export function casesOf(side: string): readonly HostileCase[] {
  const all: readonly HostileCase[] = JSON.parse(readFileSync(FILE, 'utf8'))
  return all.filter((one) => one.side === side)
}

/** What to send: first `bytes`, then `again` without an end if it is not empty. */
export function expand(one: HostileCase): { bytes: Buffer; again: Buffer } {
  if (one.expand !== true) return { bytes: Buffer.from(one.raw, 'latin1'), again: Buffer.alloc(0) }
  let text = one.raw
  const innermost = /\{\{repeat:((?:(?!\{\{|\}\}).)*):(\d+)\}\}/gs
  while (innermost.test(text)) {
    text = text.replaceAll(innermost, (_, unit: string, count: string) =>
      lineEnds(unit).repeat(Number(count)),
    )
  }
  const stream = /\{\{stream:(.*):forever\}\}$/s.exec(text)
  if (stream === null) return { bytes: Buffer.from(text, 'latin1'), again: Buffer.alloc(0) }
  return {
    bytes: Buffer.from(text.slice(0, stream.index), 'latin1'),
    again: Buffer.from(lineEnds(stream[1]!), 'latin1'),
  }
}

function lineEnds(unit: string): string {
  return unit.replaceAll(String.raw`\r`, '\r').replaceAll(String.raw`\n`, '\n')
}
