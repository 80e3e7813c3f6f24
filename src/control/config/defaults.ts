/**
 * Every default and range of the configuration, with the reason for it. Sizes are bytes, durations milliseconds.
 *
 * One table instead of numbers beside each key: the schema, its descriptions and the JSON Schema for editors
 * are made from it, so what the documents say is what the proxy does.
 */

import { availableParallelism } from 'node:os'
import { SERIES_LIMIT } from '../../analyzer/tally.ts'

export interface Setting {
  readonly min: number
  readonly max: number
  readonly default: number
}

const KIB = 1024
const MIB = 1024 * KIB
const GIB = 1024 * MIB
const SECOND = 1_000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE

/** The grain with which the proxy enforces its timeouts; nothing shorter can be kept. */
const GRAIN_MS = 250

/** In bytes. */
export const SIZES = {
  /** Node's own limit (`--max-http-header-size`): what a Node service took before, it is still given. */
  head: { min: KIB, max: MIB, default: 16 * KIB },
  /** As Apache (8190) and nginx (8k): an upstream behind one of them never saw a longer field. */
  field: { min: 256, max: MIB, default: 8 * KIB },
  /** 0 is off: bodies are streamed, never held, so the upstream is the one who knows its limit. */
  body: { min: 0, max: 1024 * GIB, default: 0 },
  /** More than a request's: answers carry security policies and many cookies. */
  responseHead: { min: KIB, max: MIB, default: 64 * KIB },
  /**
   * Bytes a second. One packet every ten seconds passes, one byte every five (slowhttptest, slow loris) does not; any
   * real link is a hundred times as fast. 0 is off.
   */
  bodyRate: { min: 0, max: GIB, default: 100 },
  /** Four reads of a socket: enough to keep a link busy, and 10 000 slow readers hold no more than 2.5 GiB. */
  buffer: { min: 16 * KIB, max: 64 * MIB, default: 256 * KIB },
} as const satisfies Record<string, Setting>

export const COUNTS = {
  /** As Apache and HAProxy (101): real requests have below 50. */
  headerCount: { min: 1, max: 2_000, default: 100 },
  /** A thread's; each costs some 10 KiB, and the usual limit of file descriptors is beyond it. */
  connections: { min: 1, max: 1_000_000, default: 10_000 },
  /**
   * A thread's, from one address. As `connections`, so that it limits nothing until it is set: behind a load balancer
   * or a company's address translation all of them have one address, and only the operator knows.
   */
  connectionsPerAddress: { min: 1, max: 1_000_000, default: 10_000 },
  /** As Node's and nginx's (128), and what RFC 9113 section 6.5.2 asks for at least. */
  streams: { min: 1, max: 10_000, default: 100 },
  /** A thread's to one endpoint; Envoy's number, far below the 28 000 local ports that one address has. */
  upstreamConnections: { min: 1, max: 60_000, default: 1_024 },
} as const satisfies Record<string, Setting>

/** In milliseconds. */
export const TIMEOUTS = {
  /** A head is one or two packets; ten seconds pass a bad mobile link and stop a slow loris. */
  head: { min: GRAIN_MS, max: HOUR, default: 10 * SECOND },
  /** As nginx's; longer than the 60 s of common load balancers in front, so that they are the ones to close. */
  idle: { min: GRAIN_MS, max: 24 * HOUR, default: 75 * SECOND },
  /** One lost SYN is sent again after 1 s, a second one after 3 s; beyond that the endpoint is not there. */
  connect: { min: GRAIN_MS, max: 5 * MINUTE, default: 3 * SECOND },
  /** As nginx's: an answer that takes longer has usually lost its reader. */
  responseHead: { min: GRAIN_MS, max: 24 * HOUR, default: 60 * SECOND },
  /** Between two pieces, not for the whole body: long downloads live, stuck ones end. */
  bodyStall: { min: GRAIN_MS, max: 24 * HOUR, default: 30 * SECOND },
  /** Below the 60 or 75 s after which many servers close, so that a request seldom meets a closing connection. */
  upstreamIdle: { min: GRAIN_MS, max: 24 * HOUR, default: 30 * SECOND },
  /** Two round trips of TLS; as long as a head may take, and for the same links. */
  handshake: { min: GRAIN_MS, max: 5 * MINUTE, default: 10 * SECOND },
  /** As HAProxy's examples for `timeout tunnel`: applications ping each other more often, dead peers end in the day. */
  tunnelIdle: { min: GRAIN_MS, max: 7 * 24 * HOUR, default: HOUR },
  /** WebSockets are made anew by their clients; a minute spreads the rush, of which they end in the last half. */
  tunnelDrain: { min: GRAIN_MS, max: HOUR, default: MINUTE },
} as const satisfies Record<string, Setting>

/** Of active health checks; durations in milliseconds. */
export const HEALTH = {
  /** With the thresholds below a dead endpoint is out in about 5 s; passive ejection is faster where there are requests. */
  interval: { min: GRAIN_MS, max: HOUR, default: 2 * SECOND },
  /** A health page that takes a second says something itself. */
  timeout: { min: 50, max: 5 * MINUTE, default: SECOND },
  /** As HAProxy's `rise`. */
  healthyAfter: { min: 1, max: 100, default: 2 },
  /** As HAProxy's `fall`: one lost packet, or one long pause of a collector, takes nobody out. */
  unhealthyAfter: { min: 1, max: 100, default: 3 },
} as const satisfies Record<string, Setting>

/** Answers that count as errors: those by which a server says that it failed. */
export const ERROR_STATUSES = ['5xx']
/** Those whose HTTP equal is 5xx (google.rpc.Code), so that both kinds of services are judged alike. */
export const ERROR_GRPC_STATUSES = [
  'UNKNOWN',
  'DEADLINE_EXCEEDED',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
]

/** Of the requests without a fault, the share that `sampled` writes to the access log. */
export const ACCESS_LOG_RATIO: Setting = { min: 0, max: 1, default: 0.01 }
/** Standard output: where containers' logs are read. */
export const ACCESS_LOG_PATH = '-'

/** In milliseconds. Kubernetes waits 30 s from SIGTERM to SIGKILL. */
export const DRAIN_TIMEOUT: Setting = { min: 0, max: HOUR, default: 30 * SECOND }

/** A port to listen on; 0 takes a free one. */
export const LISTEN_PORT = { min: 0, max: 65_535 } as const
export const ENDPOINT_PORT = { min: 1, max: 65_535, ofHttp: 80, ofHttps: 443 } as const

export const THREADS = { min: 1, max: 64 } as const

/** Loopback: whoever may start rollouts must be let in on purpose. */
export const CONTROL_HOST = '127.0.0.1'
export const CONTROL_PORT: Setting = { ...LISTEN_PORT, default: 9090 }

/** Beside the configuration file, so that a first run needs no permissions. */
export const STORE_PATH = './sluice.db'

/** How many entries a list may have; far beyond use, so that a generated file cannot exhaust the process. */
export const ENTRIES = {
  listeners: 16,
  trustedProxies: 256,
  upstreams: 1_024,
  endpoints: 256,
  /** Each route can need two series at a time: stable and canary. */
  routes: SERIES_LIMIT / 2,
  hosts: 64,
  /** Each costs a handshake's context of some 50 KiB in every thread. */
  certificates: 256,
  /** Every status and class that there is. */
  statuses: 505,
  grpcStatuses: 17,
  /** Of HTTP, as IANA registers them. */
  methods: 40,
  tokens: 256,
} as const

/** Milliseconds. Below, a busy machine's pauses would look like failures; above, a verdict would come late. */
export const SETTLE_AFTER = { min: 250, max: 5_000 } as const

/** Of requests that are tried again. */
export const RETRY = {
  /** One finds another endpoint, or the one that has just come back; more are rarely more than load. */
  attempts: { min: 0, max: 10, default: 1 },
} as const satisfies Record<string, Setting>

/** What says that the upstream, or what stands before it, could not serve just now. */
export const RETRY_STATUSES = ['502', '503', '504']

/** In milliseconds; of no use unless they are asked for. */
export const DURATIONS_OF_TRIES = {
  perTry: { min: GRAIN_MS, max: HOUR },
  hedge: { min: 1, max: MINUTE },
} as const

export const MIRROR_PERCENT: Setting = { min: 0, max: 100, default: 100 }

/** A configuration file that is larger is refused unread. */
export const FILE_BYTES: number = MIB

/**
 * Returns the number of proxy threads where the file names none: one core is left to the control plane and the
 * kernel. One thread where the platform does not balance connections over threads.
 */
export function defaultThreads(): number {
  if (process.platform !== 'linux') return 1
  return Math.min(THREADS.max, Math.max(THREADS.min, availableParallelism() - 1))
}
