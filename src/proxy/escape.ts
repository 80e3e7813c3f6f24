/**
 * Text from outside as it may stand in a log: bounded, ASCII, without control bytes.
 *
 * One escape for all logs, JSON's, so that no client writes a line of its own or colours a terminal. Text is latin1,
 * a character a byte, and each byte beyond ASCII becomes `\u00xx`: reading it as UTF-8 was rejected, since bytes
 * that are not UTF-8 would be lost, and they are what one wants to see.
 */

/** Stands where text was cut off. */
const CUT = '...'

/** What `JSON.stringify` leaves as it is, and a terminal or an older reader may not. */
const UNSAFE = /[^\x20-\x7e]/g

/** Returns the text, or what fits of it and `...`, in at most `limit` characters. */
export function bounded(text: string, limit: number): string {
  return text.length <= limit ? text : text.slice(0, limit - CUT.length) + CUT
}

/** Returns the value as JSON on one line of ASCII. */
export function asciiJson(value: string | object): string {
  const json = JSON.stringify(value)
  const isAscii = Buffer.byteLength(json) === json.length && !json.includes('\x7f')
  return isAscii ? json : json.replace(UNSAFE, escapedChar)
}

/** Returns the content of a JSON string: the text, cut off at `limit` characters and then escaped. */
export function escaped(text: string, limit: number): string {
  return asciiJson(bounded(text, limit)).slice(1, -1)
}

function escapedChar(char: string): string {
  return String.raw`\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`
}
