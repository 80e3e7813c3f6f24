/** Random answers to one request, interim ones before and more behind: mostly legal, sometimes not. */

import { codingLine, fieldLines, framed, lengthLine } from './field-text.ts'
import { type Random, words } from './random.ts'

const STATUSES = words('200 200 200 200 204 205 206 301 304 404 500 503 599')
const ODD_STATUSES = words('100 101 102 103 199 099 000 600 999 20 2000 2x0 -00 200\t')
const INTERIM_STATUSES = words('100 100 100 103 103 103 102 199 101')
const REASON = 'OKabc -!"\t\x80\xe9\xff'
const ODD_VERSIONS = words(
  'HTTP/1.0 HTTP/1.0 HTTP/1.0 HTTP/0.9 HTTP/2.0 HTTP/1.2 http/1.1 RTSP/1.0 ICE/1.0 HTTP/1.10 HTTP/2',
)
const BEHIND = ['\r\n', 'x', '\0', 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n', '0\r\n\r\n']

export const ANSWERED_METHODS = words('GET GET GET POST HEAD OPTIONS DELETE')

export function randomAnswers(random: Random): string {
  let text = ''
  // Now and then about as many as are taken.
  for (let i = random.oneIn(200) ? 14 + random.below(6) : 0; i > 0; i--) {
    text += 'HTTP/1.1 103 Early Hints\r\n\r\n'
  }
  while (random.oneIn(4)) text += head(random, random.pick(INTERIM_STATUSES), interimLines(random))
  const { lines, body } = framed(random)
  const status = random.pick(random.oneIn(24) ? ODD_STATUSES : STATUSES)
  text += head(random, status, lines) + body
  return random.oneIn(8) ? text + random.pick(BEHIND) : text
}

function interimLines(random: Random): string {
  if (!random.oneIn(8)) return ''
  return random.oneIn(2) ? codingLine(random) : lengthLine(random)
}

function head(random: Random, status: string, lines: string): string {
  const version = random.oneIn(20) ? random.pick(ODD_VERSIONS) : 'HTTP/1.1'
  const fields = fieldLines(random, lines)
  const reason = random.oneIn(8) ? '' : ` ${random.oneIn(4) ? random.text(REASON, 8) : 'OK'}`
  return `${version} ${status}${reason}\r\n${fields}\r\n`
}
