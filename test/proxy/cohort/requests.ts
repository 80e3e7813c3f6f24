/** Requests for the tests of rules: what a thread has of one, and how a rule finds it. */

import { createTallyBuffer, segment, THREAD } from '../../../src/analyzer/tally.ts'
import { TrustedPeers } from '../../../src/proxy/address.ts'
import { RequestFacts } from '../../../src/proxy/cohort/facts.ts'
import { COHORT_FAULTS } from '../../../src/proxy/cohort/faults.ts'
import { TokenReader } from '../../../src/proxy/cohort/token/reader.ts'
import { BEARER_TOKEN } from '../../../src/proxy/cohort/token/settings.ts'
import { createPeer } from '../../../src/proxy/forwarding.ts'
import { head, parseRequest } from '../http1/heads.ts'

export interface SentRequest {
  readonly method?: string
  readonly target?: string
  /** Field lines, one character a byte. */
  readonly lines?: readonly string[]
  readonly address?: string
  readonly trustedProxies?: readonly string[]
  /** Default: the bearer's, whoever wrote it. */
  readonly tokens?: TokenReader
  /** Seconds since 1970. */
  readonly nowS?: number
}

const tally = segment(createTallyBuffer(1), 0)

/** Returns what rules and units find out about the request, and what has been counted since. */
export function factsOf(sent: SentRequest) {
  const trusted = new TrustedPeers(sent.trustedProxies ?? [])
  const address = sent.address ?? '192.0.2.1'
  const peer = createPeer({
    address,
    isTrusted: trusted.has(address),
    isSecure: false,
    clientCertificate: null,
  })
  const line = `${sent.method ?? 'GET'} ${sent.target ?? '/'} HTTP/1.1`
  const facts = new RequestFacts({ tally, table: { trusted }, wallMs: (sent.nowS ?? 0) * 1_000 })
  const before = faultCounts()
  const parsed = parseRequest(head(line, 'Host: shop.example.com', ...(sent.lines ?? [])))
  facts.begin(parsed, peer, { name: 'shop', tokens: sent.tokens ?? new TokenReader(BEARER_TOKEN) })
  const faults = () =>
    Object.fromEntries(
      faultCounts().flatMap((count, i) =>
        count === before[i] ? [] : [[COHORT_FAULTS[i]!, count - before[i]!] as const],
      ),
    )
  return { facts, faults }
}

function faultCounts(): number[] {
  return COHORT_FAULTS.map((_, i) => tally[THREAD.cohortFaults + i]!)
}
