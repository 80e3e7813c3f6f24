/** Reads one parameter out of a query, as forms write it (WHATWG URL, section 5.1), without splitting what nobody asks for. Hot. */

const EQUALS = '='
const PERCENT = /%[0-9A-Fa-f]{2}/g

/**
 * Returns the value of the first parameter of that name, decoded, or null. `target` is in origin form. Name and value are UTF-8
 * bytes in a latin1 string; a percent sign that encodes nothing stands for itself.
 */
export function queryParameter(target: string, name: string): string | null {
  const start = target.indexOf('?')
  if (start < 0) return null
  let at = start + 1
  let equals = start
  while (at <= target.length) {
    const separator = target.indexOf('&', at)
    const end = separator < 0 ? target.length : separator
    // Looked for again only behind it: else each parameter without a value would read the rest of the query.
    if (equals >= 0 && equals < at) equals = target.indexOf(EQUALS, at)
    const nameEnd = equals < 0 || equals > end ? end : equals
    if (isNamed(target, name, { at, nameEnd })) {
      return nameEnd === end ? '' : unescaped(target.slice(nameEnd + 1, end))
    }
    at = end + 1
  }
  return null
}

/** Encoded, a name is longer, or has a plus. */
function isNamed(
  target: string,
  name: string,
  { at, nameEnd }: { at: number; nameEnd: number },
): boolean {
  if (nameEnd - at < name.length) return false
  return unescaped(target.slice(at, nameEnd)) === name
}

function unescaped(text: string): string {
  const spaced = text.includes('+') ? text.replaceAll('+', ' ') : text
  return spaced.includes('%') ? spaced.replaceAll(PERCENT, byteOf) : spaced
}

function byteOf(escape: string): string {
  return String.fromCharCode(Number.parseInt(escape.slice(1), 16))
}
