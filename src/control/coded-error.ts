/**
 * The one class for expected failures of the control plane. Callers match on `code`, never on text; the API
 * turns the code into a status, the command line into an exit code.
 */

/** Code to HTTP status and title (RFC 9457) of the admin API. */
export const ERRORS = {
  invalidConfig: { status: 422, title: 'The configuration has faults' },
  invalidRequest: { status: 422, title: 'The request has faults' },
  malformedRequest: { status: 400, title: 'The request cannot be read' },
  unauthenticated: { status: 401, title: 'A token is needed' },
  forbidden: { status: 403, title: 'The role does not allow this' },
  notFound: { status: 404, title: 'There is no such thing' },
  invalidTransition: { status: 409, title: 'The rollout cannot do this now' },
  requestInFlight: { status: 409, title: 'The same request is still being worked on' },
  stale: { status: 412, title: 'The rollout has moved on' },
  requestTooSlow: { status: 408, title: 'The request took too long to arrive' },
  bodyTooLarge: { status: 413, title: 'The body is too large' },
  unsupportedMediaType: { status: 415, title: 'The body is not JSON' },
  headersTooLarge: { status: 431, title: 'The header fields are too large' },
  keyReused: { status: 422, title: 'The Idempotency-Key belongs to another request' },
  storeUnavailable: { status: 503, title: 'The store cannot be written' },
  storeLocked: { status: 503, title: 'Another process holds the store' },
  storeCorrupt: { status: 503, title: 'The store is damaged' },
  storeTooNew: { status: 503, title: 'The store was written by a newer Sluice' },
  routingFailed: { status: 503, title: 'The proxy threads did not take the new routing' },
  tooManyStreams: { status: 503, title: 'Too many event streams are open' },
  stopping: { status: 503, title: 'Sluice is stopping' },
  cannotListen: { status: 503, title: 'The address cannot be listened on' },
  internal: { status: 500, title: 'Sluice has a bug' },
} as const

export type ErrorCode = keyof typeof ERRORS

export class CodedError extends Error {
  readonly code: ErrorCode
  /** Further members of the problem document, such as `errors: [{ pointer, detail }]`. */
  readonly members: Readonly<Record<string, unknown>>

  constructor(code: ErrorCode, message: string, members: Readonly<Record<string, unknown>> = {}) {
    super(message)
    this.name = 'CodedError'
    this.code = code
    this.members = members
  }
}
