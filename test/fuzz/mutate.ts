/** Damages a text in a few places: bytes, lines, and pieces of another text. */

import { codingLine, customLine, hostLine, lengthLine } from './field-text.ts'
import { INPUT_BYTES } from './input.ts'
import type { Random } from './random.ts'

const BYTES = '\r\n\0 \t:;,"=/\x0b\x0c\x7f\x80\x85\xa0\xff05fF-_#%'
const WORDS = [
  '\r\n',
  '\r\n\r\n',
  '\r\n ',
  '\r\n\t',
  '\n\n',
  '\r\r\n',
  ' :',
  ': ',
  ';a=b',
  ',',
  ', chunked',
  'chunked',
  '0\r\n\r\n',
  '0',
  '00000000000000000000',
  'ffffffffffffffff',
  'HTTP/1.1',
  'HTTP/1.0',
  ' HTTP/1.1\r\n',
  'GET /x HTTP/1.1\r\n',
  'HTTP/1.1 200 OK\r\n',
  'HTTP/1.1 100 Continue\r\n\r\n',
  'Content-Length',
  'Transfer-Encoding',
  'Connection: close\r\n',
  'Connection: keep-alive\r\n',
  'Connection: upgrade\r\nUpgrade: websocket\r\n',
  'Upgrade: h2c\r\n',
  'Host: b\r\n',
  'Expect: 100-continue\r\n',
  'Trailer: x\r\n',
  'TE: trailers\r\n',
] as const

/** `other`: makes a text to take pieces of. */
export function mutate(random: Random, text: string, other: () => string): string {
  let mutated = text
  do {
    mutated = mutateOnce(random, mutated, other)
  } while (random.oneIn(2))
  return mutated.length > INPUT_BYTES ? mutated.slice(0, INPUT_BYTES) : mutated
}

function mutateOnce(random: Random, text: string, other: () => string): string {
  const at = place(random, text)
  switch (random.below(14)) {
    case 0:
      return splice(text, at, 1, String.fromCodePoint(random.below(256)))
    case 1:
      return splice(
        text,
        at,
        1,
        String.fromCodePoint((text.charCodeAt(at) || 0) ^ (1 << random.below(8))),
      )
    case 2:
    case 3:
      return splice(text, at, 0, random.char(BYTES))
    case 4:
      return splice(text, at, 1, random.char(BYTES))
    case 5:
      return splice(text, at, 1 + random.below(3), '')
    case 6:
      return splice(text, at, 0, random.pick(WORDS))
    case 7:
      return splice(text, lineStart(text, at), 0, fieldLine(random))
    case 8:
      return splice(text, lineStart(text, at), 0, lineAt(text, place(random, text)))
    case 9:
      return splice(text, lineStart(text, at), lineAt(text, at).length, '')
    case 10:
      return text.slice(0, at) + tail(random, other())
    case 11:
      return text.slice(0, at)
    case 12:
      return splice(
        text,
        at,
        0,
        random.char(BYTES).repeat(1 + random.below(random.oneIn(50) ? 5_000 : 20)),
      )
    default:
      return splice(text, at, 1, swapCase(text.slice(at, at + 1)))
  }
}

/** Anywhere, or at what separates. */
function place(random: Random, text: string): number {
  const at = random.below(text.length + 1)
  if (random.oneIn(2)) return at
  const found = text.indexOf(random.pick(['\r', '\n', ':', ' ', ';', ',']), at)
  return found < 0 ? at : found + random.below(2)
}

function splice(text: string, at: number, removed: number, added: string): string {
  return text.slice(0, at) + added + text.slice(at + removed)
}

function lineStart(text: string, at: number): number {
  return text.lastIndexOf('\n', at - 1) + 1
}

/** With its line end. */
function lineAt(text: string, at: number): string {
  const end = text.indexOf('\n', at)
  return text.slice(lineStart(text, at), end < 0 ? text.length : end + 1)
}

function fieldLine(random: Random): string {
  return random.pick([codingLine, customLine, customLine, hostLine, lengthLine])(random)
}

function tail(random: Random, text: string): string {
  return text.slice(place(random, text))
}

function swapCase(text: string): string {
  const lower = text.toLowerCase()
  return lower === text ? text.toUpperCase() : lower
}
