/** What a thread tells control of an endpoint, about once a second where something has changed. */

export interface EndpointReport {
  /** Of the snapshot's `Endpoint`. */
  readonly id: string
  /** Requests on their way to it, or waiting for a connection. */
  readonly outstandingCount: number
  /** Connections open or being opened. */
  readonly connectionCount: number
  /** Null: it gets requests. */
  readonly ejected: EndpointEjection | null
  /** Mean of late answers; null: there were none. */
  readonly latencyUs: number | null
  /** Attempts since the thread knows the endpoint, and those of them that failed. */
  readonly requestCount: number
  readonly failureCount: number
}

export interface EndpointEjection {
  /** Such as `consecutive5xx`. */
  readonly reason: string
  /** Milliseconds since 1970, as `untilMs`: threads' own clocks begin at different times. */
  readonly sinceMs: number
  readonly untilMs: number
  /** How often it was ejected of late; the time out grows with it. */
  readonly count: number
}
