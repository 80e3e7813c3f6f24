/**
 * Via (RFC 9110 section 7.6.3): who passed a message on, and in which version it came to him.
 *
 * The name is one of this process alone, so that a request that comes by for the second time is seen to, and two
 * Sluices in a row (at the edge, beside a service) are no loop.
 */

/** The line to add, with its line end, by the version of the message that came. */
export interface Via {
  readonly name: string
  readonly http10: string
  readonly http11: string
  readonly http2: string
}

export function createVia(name: string): Via {
  const line = (version: string): string => `via: ${version} ${name}\r\n`
  return { name, http10: line('1.0'), http11: line('1.1'), http2: line('2.0') }
}

/** Returns the line for a message that came as `HTTP/1.minorVersion`, or as HTTP/2. */
export function viaLine(
  via: Via,
  message: { readonly minorVersion: number; readonly isHttp2: boolean },
): string {
  if (message.isHttp2) return via.http2
  return message.minorVersion === 1 ? via.http11 : via.http10
}

/** Whether the name is among those of a Via field. */
export function isLoop(via: Via, value: string): boolean {
  if (!value.includes(via.name)) return false
  return value.split(',').some((member) => member.trim().split(/[ \t]+/)[1] === via.name)
}
