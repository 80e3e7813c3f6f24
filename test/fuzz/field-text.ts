/**
 * Random header fields and bodies. Mostly legal, sometimes not: what is wrong in a way that a random byte seldom is
 * (a second length, a coding that is nearly `chunked`, an option list) is made here, not left to mutations.
 */

import { type Random, words } from './random.ts'

export const TOKEN = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
const VISIBLE = `${TOKEN}"(),/:;<=>?@[\\]{}\x80\xa0\xe9\xff`
const BLANKS = ['', ' ', ' ', ' ', ' ', '\t', '  ', ' \t ']

const HOSTS = words('a a a shop.example Shop.Example:8080 [::1]:80 127.0.0.1 a. a:0 xn--a.b a%41')
const BAD_HOSTS = [
  ...words(
    'a/b a,b a@b a:b a:65536 a:999999 [::1 [::g] a?b a#b a:80:80 \xe9 a%4 [v1.x] ::1 a\\b <a>',
  ),
  'a b',
  '',
]

const CODINGS = [
  ...words(
    'chunked chunked chunked chunked Chunked CHUNKED gzip,chunked identity xchunked chunked,',
  ),
  ...words('chunked,chunked chunked,identity ,chunked chunked;q=1 "chunked" chunke chunked\t'),
  'gzip, chunked',
  'chunked, gzip',
  'identity, chunked',
  'chunked\x0b',
  '',
]
const LENGTHS = [
  ...words('0 1 3 5 5 5 7 10 007 00 +5 -1 0x5 5,5 5.0 1e1 5; 9007199254740991 9007199254740992'),
  ...words('18446744073709551615 18446744073709551616 00000000000000005 4294967297 5_0 \xb2'),
  '5, 5',
  '1 0',
  '',
]
const OPTIONS = [
  ...words(
    'close close keep-alive keep-alive upgrade Upgrade Close KEEP-ALIVE te trailer host cookie x-a',
  ),
  ...words(
    'content-length transfer-encoding x-forwarded-for via close\t closed upgrad closekeep-alive',
  ),
  '',
]
const UPGRADES = ['websocket', 'websocket', 'WebSocket', 'h2c', 'websocket, h2c', 'TLS/1.0', '']
const EXPECTS = [
  ...Array.from({ length: 12 }, () => '100-continue'),
  '100-Continue',
  '100-continue, x',
  'x',
  '',
]
const NAMES = [
  ...words(
    'X-A x-b Accept User-Agent Cookie Cookie Via Date Authorization Origin Range If-Match ETag',
  ),
  ...words('X-Forwarded-For X-Forwarded-Proto Forwarded TE Trailer Keep-Alive Proxy-Connection'),
  ...words(
    'Content-Type Set-Cookie Max-Forwards X-Real-IP Content_Length Transfer_Encoding Content_Type HTTP2-Settings',
  ),
  ...words(
    'Sec-WebSocket-Key Sec-WebSocket-Version Content-Lengt Transfer-Encodings Hos Connectio',
  ),
]

/** A whole line. */
function line(random: Random, name: string, value: string): string {
  return `${mixedCase(random, name)}:${random.pick(BLANKS)}${value}${random.oneIn(6) ? random.pick(BLANKS) : ''}\r\n`
}

function mixedCase(random: Random, name: string): string {
  if (!random.oneIn(4)) return name
  return random.oneIn(2) ? name.toUpperCase() : name.toLowerCase()
}

export function hostLine(random: Random): string {
  return line(random, 'Host', random.pick(random.oneIn(40) ? BAD_HOSTS : HOSTS))
}

/** A few more around those given; seldom about as many as are taken. */
export function fieldLines(random: Random, given: string): string {
  let lines = given
  for (let i = random.below(6); i > 0; i--) {
    lines = random.oneIn(2) ? lines + customLine(random) : customLine(random) + lines
  }
  if (!random.oneIn(300)) return lines
  const count = random.pick([46, 196]) + random.below(8)
  return lines + 'X-A: b\r\n'.repeat(count)
}

export function customLine(random: Random): string {
  switch (random.below(24)) {
    case 0:
      return line(random, 'Connection', list(random, OPTIONS))
    case 1:
      return line(random, 'Connection', random.pick(['close', 'keep-alive', 'upgrade']))
    case 2:
      return random.oneIn(2) ? upgradeLines(random) : line(random, 'Upgrade', random.pick(UPGRADES))
    case 3:
      return line(random, 'Expect', random.pick(EXPECTS))
    case 4:
      return line(random, 'TE', random.pick(['trailers', 'trailers, deflate', 'gzip', '']))
    case 5:
      return random.oneIn(6) ? codingLine(random) : ''
    case 6:
      return random.oneIn(6) ? lengthLine(random) : ''
    case 7:
    case 8:
    case 9:
      return line(random, random.char(TOKEN) + random.text(TOKEN, 8), fieldValue(random))
    default:
      return line(random, random.pick(NAMES), fieldValue(random))
  }
}

function upgradeLines(random: Random): string {
  return line(random, 'Connection', 'upgrade') + line(random, 'Upgrade', random.pick(UPGRADES))
}

export function codingLine(random: Random): string {
  return line(random, 'Transfer-Encoding', random.pick(CODINGS))
}

export function lengthLine(random: Random): string {
  return line(random, 'Content-Length', random.pick(LENGTHS))
}

function fieldValue(random: Random): string {
  switch (random.below(6)) {
    case 0:
      return ''
    case 1:
      return list(random, OPTIONS)
    case 2:
      return `${random.text(VISIBLE, 6)} ${random.text(VISIBLE, 6)}`
    default:
      return random.text(VISIBLE, 12)
  }
}

function list(random: Random, members: readonly string[]): string {
  let text = random.pick(members)
  while (random.oneIn(2)) text += random.pick([',', ', ', ' ,', '\t,  ']) + random.pick(members)
  return text
}

/** The framing fields and the body that goes with them; seldom one that does not. */
export function framed(random: Random): { lines: string; body: string } {
  const kind = random.below(16)
  if (kind < 5) return { lines: '', body: '' }
  if (kind < 10) {
    const body = content(random)
    return { lines: line(random, 'Content-Length', String(body.length)), body }
  }
  if (kind < 14)
    return { lines: line(random, 'Transfer-Encoding', 'chunked'), body: chunked(random) }
  const lines =
    (random.oneIn(2) ? codingLine(random) : '') + (random.oneIn(2) ? lengthLine(random) : '')
  return { lines, body: random.oneIn(2) ? chunked(random) : content(random) }
}

const CONTENTS = [
  'hello',
  '0\r\n\r\n',
  'GET /in-a-body HTTP/1.1\r\nHost: a\r\n\r\n',
  'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok',
  '5\r\nhello\r\n0\r\n\r\n',
  '\r\n',
  '\0\xff\x80',
]

function content(random: Random): string {
  if (random.oneIn(3)) return random.pick(CONTENTS)
  return random.text(`${VISIBLE} \t\r\n\0`, 24)
}

const EXTENSIONS = [';a', ';a=b', ';a="b"', '; a=b', ';a="b;\\"c"', ';a = b', ';a;b=c;d', ';']
const BAD_EXTENSIONS = [
  ';a="b',
  ';"a',
  ' ;a',
  ';a=b\x7f',
  ';a=\0',
  ' ',
  '\t',
  ';a=b c',
  ';=b',
  ';a=',
  ';\xe9',
  ';;a',
  ';a="\xe9"',
  ';a=b"c"',
]

function chunked(random: Random): string {
  let text = ''
  for (let i = random.below(4); i > 0; i--) {
    const data = content(random)
    if (data !== '') text += `${size(random, data.length)}${extension(random)}\r\n${data}\r\n`
  }
  return `${text}${random.oneIn(6) ? '00' : ''}0${extension(random)}\r\n${trailerLines(random)}\r\n`
}

function size(random: Random, length: number): string {
  const digits = length.toString(16)
  if (!random.oneIn(8)) return digits
  return random.pick([
    digits.toUpperCase(),
    `0${digits}`,
    `0000000000000${digits}`,
    `0x${digits}`,
    `+${digits}`,
    ` ${digits}`,
  ])
}

function extension(random: Random): string {
  if (!random.oneIn(4)) return ''
  return random.pick(random.oneIn(6) ? BAD_EXTENSIONS : EXTENSIONS)
}

function trailerLines(random: Random): string {
  let lines = ''
  while (random.oneIn(3)) lines += random.oneIn(4) ? framingLine(random) : customLine(random)
  return lines
}

function framingLine(random: Random): string {
  return random.oneIn(2) ? lengthLine(random) : hostLine(random)
}
