/**
 * Why a request ended as it did, in the manner of Envoy's response flags: short words that operators know to
 * search for. Where Envoy has one for a cause, that is taken; two of ours stand beside them.
 *
 *     UH  no endpoint            UC  upstream closed           DC   client left
 *     UF  no connection          UPE upstream broke a rule     DPE  client broke a rule
 *     UO  connection limit       URX failed after a retry      LR   cut off by Sluice itself
 *     DF  name not found         NR  no route                  SI   nothing moved for too long
 *     UT  no answer in time      RR  correct, not served (ours)
 *     BUG a bug of Sluice (ours)         FS  failed on the canary, tried on stable (ours)
 */

import type { RequestFault, UpstreamFailure } from '../failure.ts'

/** Ends that are neither a fault of the request nor a failure of the upstream. */
export type Ending =
  /** No route is meant for the request. */
  | 'noRoute'
  /** The client left before it had its answer. */
  | 'clientGone'
  /** The client did not take its answer. */
  | 'clientStalled'
  /** A tunnel through which nothing came. */
  | 'tunnelIdle'
  /** Cut off because its variant was taken out or the process stops. */
  | 'drained'

/** How a request ended; all null for one that was answered by its upstream in full. */
export interface Reasons {
  readonly failure: UpstreamFailure | null
  readonly fault: RequestFault | null
  readonly ending: Ending | null
}

const OF_FAILURE: Readonly<Record<UpstreamFailure, string>> = {
  unavailable: 'UH',
  connectionLimit: 'UO',
  overflow: 'UO',
  dns: 'DF',
  refused: 'UF',
  connectTimeout: 'UF',
  reset: 'UC',
  responseTimeout: 'UT',
  incomplete: 'UC',
  stalled: 'SI',
  writeStalled: 'SI',
  protocol: 'UPE',
  headTooLarge: 'UPE',
  tls: 'UF',
  certificate: 'UF',
  upgrade: 'UPE',
  deadline: 'UT',
  internal: 'BUG',
}

const OF_FAULT: Readonly<Record<RequestFault, string>> = {
  malformed: 'DPE',
  badHost: 'DPE',
  badTarget: 'DPE',
  badLength: 'DPE',
  badCoding: 'DPE',
  badChunk: 'DPE',
  badHandshake: 'DPE',
  upgradeWithBody: 'DPE',
  timeout: 'SI',
  methodRefused: 'RR',
  bodyTooLarge: 'RR',
  targetTooLong: 'RR',
  expectation: 'RR',
  headTooLarge: 'RR',
  unknownCoding: 'RR',
  unknownMethod: 'RR',
  crowded: 'RR',
  loop: 'RR',
  notSwitched: 'RR',
  version: 'RR',
}

const OF_ENDING: Readonly<Record<Ending, string>> = {
  noRoute: 'NR',
  clientGone: 'DC',
  clientStalled: 'SI',
  tunnelIdle: 'SI',
  drained: 'LR',
}

/** Endings that nobody has to look into. */
const QUIET: ReadonlySet<Ending> = new Set(['clientGone', 'tunnelIdle', 'drained'])

/** How often a request was tried. */
export interface Tried {
  /** Attempts after the first. */
  readonly retryCount: number
  /** It failed on the canary and was tried on stable. */
  readonly isRescue: boolean
}

/** Returns the flags, joined by commas; `-` where there is nothing to say. */
export function flagsOf({ failure, fault, ending, retryCount, isRescue }: Reasons & Tried): string {
  let flags = ''
  if (failure !== null) flags = retryCount > 0 ? `${OF_FAILURE[failure]},URX` : OF_FAILURE[failure]
  if (fault !== null) flags += flags === '' ? OF_FAULT[fault] : `,${OF_FAULT[fault]}`
  if (ending !== null) flags += flags === '' ? OF_ENDING[ending] : `,${OF_ENDING[ending]}`
  if (isRescue) flags += flags === '' ? 'FS' : ',FS'
  return flags === '' ? '-' : flags
}

/** Whether a request that ended so is written where only errors are. */
export function isFault({ failure, fault, ending }: Reasons): boolean {
  return failure !== null || fault !== null || (ending !== null && !QUIET.has(ending))
}
