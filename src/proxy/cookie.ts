/** Reads cookies (RFC 6265 section 5.4) out of a Cookie field, without splitting what nobody asks for. Hot. */

const EQUALS = 0x3d
const SPACE = 0x20

/** Returns the value of the first cookie of that name as it was sent, or null. */
export function cookieIn(cookies: string, name: string): string | null {
  let at = 0
  while (at < cookies.length) {
    const separator = cookies.indexOf(';', at)
    const end = separator < 0 ? cookies.length : separator
    if (cookies.startsWith(name, at) && cookies.charCodeAt(at + name.length) === EQUALS) {
      let valueEnd = end
      while (cookies.charCodeAt(valueEnd - 1) === SPACE) valueEnd--
      return cookies.slice(at + name.length + 1, valueEnd)
    }
    at = end + 1
    while (cookies.charCodeAt(at) === SPACE) at++
  }
  return null
}
