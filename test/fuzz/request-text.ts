/** Random streams of requests, a few in a row: mostly legal, sometimes not. */

import { fieldLines, framed, hostLine, TOKEN } from './field-text.ts'
import { type Random, words } from './random.ts'

const METHODS = words('GET GET GET POST POST PUT HEAD OPTIONS DELETE PATCH PROPFIND QUERY')
const ODD_METHODS = [
  ...words(
    'CONNECT TRACE M-SEARCH SOURCE PRI DESCRIBE SETUP FLUSH get GETT FOO LOCK PURGE LINK REPORT',
  ),
  '',
]
const PATH = "abcXYZ019-._~!$&'()*+,;=:@%41"
const ODD_TARGETS = [
  ...words(
    '* a:80 /# /a#b /./a /../a /a/.. /%2e%2e/a /a/%2E /.%2f /a\\..\\b /..;x/a / // //a /a//b',
  ),
  ...words(
    'http://a http://a/ HTTP://a/b?c https://b:8080/ http://a?b http:///a http://u@a/ http://a:x/',
  ),
  ...words(
    'ftp://a/ http:/a http:a a ?a /a|b /a"b /<a> /{a} /^ /`` /\xe9 /a\x7f http://[::1]/ /?/../ ws://a/',
  ),
  '',
]
const ODD_VERSIONS = words(
  'HTTP/1.0 HTTP/1.0 HTTP/1.0 HTTP/0.9 HTTP/2.0 HTTP/1.2 HTTP/1.10 http/1.1 HTTP/1 RTSP/1.0 ICE/1.0 HTTP/01.1 HTTP/3.0',
)

export function randomRequests(random: Random): string {
  let text = ''
  do {
    text += randomRequest(random)
  } while (random.oneIn(2) && text.length < 1_024)
  return text
}

function randomRequest(random: Random): string {
  const method = random.pick(random.oneIn(24) ? ODD_METHODS : METHODS)
  const version = random.oneIn(16) ? random.pick(ODD_VERSIONS) : 'HTTP/1.1'
  const { lines, body } = framed(random)
  let fields = fieldLines(random, lines)
  if (!random.oneIn(32))
    fields = random.oneIn(2) ? fields + hostLine(random) : hostLine(random) + fields
  const before = random.oneIn(24) ? random.pick(['\r\n', '\r\n', '\r\n\r\n', '\n', '\r']) : ''
  return `${before}${method} ${target(random)} ${version}\r\n${fields}\r\n${body}`
}

function target(random: Random): string {
  if (random.oneIn(16)) return random.pick(ODD_TARGETS)
  let text = ''
  for (let i = random.below(3); i >= 0; i--) text += `/${random.text(PATH, 5)}`
  return random.oneIn(3) ? `${text}?${random.text(`${PATH}/?${TOKEN}`, 8)}` : text
}
