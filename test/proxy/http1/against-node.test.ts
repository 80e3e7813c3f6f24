/**
 * The same bytes, read by us and by node:http, whose parser (llhttp) is not ours and is as strict. We may refuse
 * more than it does. But what we take for a message it has to take for the same one: where two readers of one
 * stream see different messages, one can be smuggled past the other.
 */

import * as fc from 'fast-check'
import { isDeepStrictEqual } from 'node:util'
import { expect, test } from 'vitest'
import { requests } from './random-requests.ts'
import { responses } from './random-responses.ts'
import {
  nodeReadsAnswer,
  nodeReadsRequests,
  type Readings,
  type RequestReading,
  weReadAnswer,
  weReadRequests,
} from './readers.ts'

/** What damages a stream; a word is a line or a part of one. */
const NASTY = [
  '\r \n \r\n \r\n\r\n \t \0 \x0b \x7f \xa0 : , ; " 0 5 - _ / # chunked HTTP/1.1 HTTP/1.0 0\r\n\r\n'.split(
    ' ',
  ),
  ['', ' ', '\r\n x', 'Host: b\r\n', 'Content-Length: 5\r\n', 'Content-Length: 0\r\n'],
  ['Transfer-Encoding: chunked\r\n', 'Transfer-Encoding: x\r\n', 'Connection: close\r\n'],
  ['Connection: host\r\n', 'GET /x HTTP/1.1\r\n', 'HTTP/1.1 200 OK\r\n'],
].flat()

const damages = fc.array(
  fc.record({ place: fc.nat(), removed: fc.nat({ max: 3 }), added: fc.constantFrom(...NASTY) }),
  { maxLength: 3 },
)

const bodies = fc.constantFrom(
  '',
  'hello',
  '0\r\n\r\n',
  '5\r\nhello\r\n0\r\n\r\n',
  '2;a=b\r\nok\r\n0\r\nX: y\r\n\r\n',
)

/** A message with a body behind it, then another message; all of it damaged in a few places. */
function damaged(
  messages: fc.Arbitrary<{ readonly text: string; readonly method?: string }>,
  next: string,
): fc.Arbitrary<{ readonly method: string; readonly text: string }> {
  return fc.tuple(messages, bodies, damages).map(([{ text, method = '' }, body, damage]) => {
    let stream = `${text.replace(/(?<=content-length:\s*)\d+/i, '5')}${body}${next}`
    for (const { place, removed, added } of damage) {
      const at = place % stream.length
      stream = stream.slice(0, at) + added + stream.slice(at + removed)
    }
    return { method, text: stream }
  })
}

/** node:http leaves absolute form to whoever asks. */
function inOriginForm(reading: RequestReading): RequestReading {
  const match = /^https?:\/\/([^/?]+)(.*)$/i.exec(reading.target)
  if (match === null) return reading
  const [, host = '', rest = ''] = match
  return { ...reading, host, target: rest.startsWith('/') ? rest : `/${rest}` }
}

/**
 * Whether node:http sees the messages that we see. It may stop before we do, at a trailer or an extension that it
 * does not like; then what it has seen must be the beginning.
 */
function agree<T extends { readonly body: string }>(
  ours: Readings<T>,
  theirs: Readings<T>,
): boolean {
  return ours.whole.every((our, i) => {
    const their = theirs.whole[i]
    if (isDeepStrictEqual(our, their)) return true
    if (theirs.fault === null) return false
    return (
      their === undefined ||
      (isDeepStrictEqual({ ...their, body: '' }, { ...our, body: '' }) &&
        our.body.startsWith(their.body))
    )
  })
}

/** A tab behind `chunked` is legal, and harmless since we write it anew, but llhttp takes it for another coding. */
const TAB_BEHIND_CODING = /chunked[ \t]*\t/i

const requestStreams = damaged(requests, 'GET /second HTTP/1.1\r\nHost: b\r\n\r\n')
const answerStreams = damaged(responses, '').filter(({ text }) => !TAB_BEHIND_CODING.test(text))
const RUNS = { numRuns: 2_000 }

test('requests, as they come', async () => {
  await fc.assert(
    fc.asyncProperty(requestStreams, async ({ text }) => {
      const ours = weReadRequests(text)
      const theirs = await nodeReadsRequests(text)
      const read = { ...theirs, whole: theirs.whole.map(inOriginForm) }
      expect({ ours, read }).toSatisfy(() => agree(ours, read))
    }),
    RUNS,
  )
})

test('requests, as we send them on', async () => {
  await fc.assert(
    fc.asyncProperty(requestStreams, async ({ text }) => {
      const { whole, passedOn } = weReadRequests(text)
      expect(await nodeReadsRequests(passedOn.join(''))).toEqual({ whole, fault: null })
    }),
    RUNS,
  )
})

test('answers, as they come', async () => {
  await fc.assert(
    fc.asyncProperty(answerStreams, async ({ method, text }) => {
      const ours = weReadAnswer(method, text)
      const theirs = await nodeReadsAnswer(method, text)
      expect({ ours, theirs }).toSatisfy(() => agree(ours, theirs))
    }),
    RUNS,
  )
})

test('answers, as we send them on', async () => {
  await fc.assert(
    fc.asyncProperty(answerStreams, async ({ method, text }) => {
      const { whole, passedOn } = weReadAnswer(method, text)
      const theirs = await nodeReadsAnswer(method, passedOn)
      expect(theirs.whole).toEqual(whole)
    }),
    RUNS,
  )
})
