/**
 * What we send on of what we have read, as it would be read by the next: the other half of every smuggling is a
 * message that says something else after us than before.
 */

import { fieldsOf, type FieldList, type Message, type Reading } from './reading.ts'

/** Those that were read to their end, written one behind the other as an exchange would. */
export function sentOn(messages: readonly Message[], isAnswer: boolean): string {
  return messages.map((message) => written(message, isAnswer)).join('')
}

/** Those that are whole, and can be followed by another. */
export function whole({ messages }: Reading): readonly Message[] {
  return messages.filter(({ isWhole, isUpgrade }) => isWhole && !isUpgrade)
}

function written({ start, lines, body, trailers }: Message, isAnswer: boolean): string {
  const first = isAnswer ? `HTTP/1.1 ${start}` : `${start} HTTP/1.1`
  return `${first}\r\n${lines}${framed(body, trailers)}`
}

function framed(body: string, trailers: FieldList): string {
  if (trailers.length === 0) {
    return body === '' ? '\r\n' : `content-length: ${body.length}\r\n\r\n${body}`
  }
  let lines = ''
  for (let i = 0; i < trailers.length; i += 2) lines += `${trailers[i]}: ${trailers[i + 1]}\r\n`
  const chunk = body === '' ? '' : `${body.length.toString(16)}\r\n${body}\r\n`
  return `transfer-encoding: chunked\r\n\r\n${chunk}0\r\n${lines}\r\n`
}

/** Returns what the next reader takes for something else, or null. */
export function compareSentOn(sent: readonly Message[], read: Reading): string | null {
  if (read.fault !== null) return `sent on: ${read.fault}`
  if (read.messages.length !== sent.length) return 'sent on: another number of messages'
  for (const [i, { start, lines, body, trailers }] of sent.entries()) {
    const their = read.messages[i]!
    const framingFields = trailers.length > 0 || body !== '' ? 2 : 0
    const fields = their.fields.slice(0, their.fields.length - framingFields)
    if (!their.isWhole) return 'sent on: a message without its end'
    if (their.start !== start) return 'sent on: the first line'
    if (!isSame(fields, fieldsOf(lines))) return 'sent on: the fields'
    if (their.body !== body) return 'sent on: the body'
    if (!isSame(their.trailers, trailers)) return 'sent on: the trailers'
  }
  return null
}

function isSame(a: FieldList, b: FieldList): boolean {
  return a.length === b.length && a.every((text, i) => text === b[i])
}
