/** What an HTTP/1.1 upstream answers, and what of it a client over HTTP/2 may get. */

import type { HostileCase } from '../cases.ts'
import { client, get } from './build.ts'

/**
 * A 205 has no content (RFC 9110 section 15.3.6), and node:http2 sends none; so there may be no length of it either
 * (RFC 9113 section 8.1.1), and its end has to come.
 */
export const ANSWER_CASES: readonly HostileCase[] = [
  ['205-short', 'Content-Length: 2\r\n\r\nok'],
  ['205-long', `Content-Length: 100000\r\n\r\n${'x'.repeat(100_000)}`],
  ['205-chunked', 'Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n'],
  ['205-trailers', 'Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-A: 1\r\n\r\n'],
].map(([name, rest]) =>
  client(`answer-${name}`, get(), '205', {
    upstream: `HTTP/1.1 205 Reset Content\r\n${rest}`,
    assert: {
      finalStatus: [205],
      finalBody: '',
      clientComplete: true,
      clientMustNotInclude: ['content-length'],
    },
  }),
)
