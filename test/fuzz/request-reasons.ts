/** Why we refuse a request that llhttp reads: the whole list. */

import { compareRequestHeads, connectionOptions, valuesOf } from './compare-heads.ts'
import type { Rules } from './compare.ts'
import { LIMITS } from './our-requests.ts'
import type { Message } from './reading.ts'
import {
  chunkReasons,
  codingsOf,
  findReason,
  framingReasons,
  largeHead,
  type Reason,
} from './reasons.ts'

/** Of the methods that llhttp knows. */
const SERVED = new Set(
  (
    'GET HEAD POST PUT PATCH DELETE OPTIONS PROPFIND PROPPATCH MKCOL COPY MOVE LOCK UNLOCK SEARCH ' +
    'REPORT ACL BIND REBIND UNBIND MKCALENDAR MKACTIVITY CHECKOUT MERGE LINK UNLINK PURGE NOTIFY ' +
    'SUBSCRIBE UNSUBSCRIBE QUERY'
  ).split(' '),
)

const NAME_AND_PORT = /^(?:[\w\-.~!$&'()*+;=]|%[\dA-F]{2})+(?::\d{0,5})?$/i
const ADDRESS_AND_PORT = /^\[[\dA-F:.]+\](?::\d{0,5})?$/i
/** Plain or encoded, alone in its segment but for what a semicolon cuts off. */
const DOTS = /(?:\/|\\|%2f|%5c)(?:\.|%2e){1,2}(?:;|\/|\\|%2f|%5c|$)/i

const LINE_REASONS: readonly Reason[] = [
  {
    name: 'a method that is refused',
    fault: 'methodRefused',
    isFound: ({ their }) => /^(?:CONNECT|TRACE) /.test(their.start),
  },
  {
    name: 'a method of another protocol',
    fault: 'unknownMethod',
    isFound: ({ their }) => !SERVED.has(their.start.slice(0, their.start.indexOf(' '))),
  },
  {
    name: 'a version that is not served',
    fault: 'version',
    isFound: ({ their }) => their.version !== '1' && their.version !== '0',
  },
  {
    name: 'HTTP/0.9, which says no version',
    fault: 'malformed',
    isFound: ({ their, rest }) =>
      their.version === '0.9' && !/^\S+ +\S+ +HTTP\/\d\.\d$/.test(firstLine(rest)),
  },
  {
    name: 'another protocol',
    fault: 'malformed',
    isFound: ({ rest }) => / (?:RTSP|ICE)\/\d\.\d$/.test(firstLine(rest)),
  },
  {
    name: 'several spaces in the request line',
    fault: 'malformed',
    isFound: ({ rest }) => /^\S+(?: {2,}\S+ +| +\S+ {2,})\S+$/.test(firstLine(rest)),
  },
  {
    name: 'a bare CR or LF before a request',
    fault: 'malformed',
    isFound: ({ rest }) => /^(?:\r\n)*(?:\n|\r[^\n])/.test(rest),
  },
  {
    name: 'an asterisk without OPTIONS',
    fault: 'badTarget',
    isFound: ({ their }) => targetOf(their) === '*' && !their.start.startsWith('OPTIONS '),
  },
  {
    name: 'a target in no form that is served',
    fault: 'badTarget',
    isFound: ({ their }) => !/^(?:\/|\*$|https?:\/\/)/i.test(targetOf(their)),
  },
  {
    name: 'an authority that is none',
    fault: 'badTarget',
    isFound: ({ their }) => {
      const authority = /^https?:\/\/([^/?#]*)/i.exec(targetOf(their))?.[1]
      return authority !== undefined && (authority === '' || !isHost(authority))
    },
  },
  {
    name: 'a fragment',
    fault: 'badTarget',
    isFound: ({ their }) => targetOf(their).includes('#'),
  },
  {
    name: 'a dot segment',
    fault: 'badTarget',
    isFound: ({ their }) => DOTS.test(targetOf(their).split('?', 1)[0]!),
  },
  {
    name: 'a target that is too long',
    fault: 'targetTooLong',
    isFound: ({ their }) => targetOf(their).length > LIMITS.headBytes,
  },
]

const FIELD_REASONS: readonly Reason[] = [
  {
    name: 'no Host',
    fault: 'badHost',
    isFound: ({ their }) => their.version === '1' && hostsOf(their).length === 0,
  },
  {
    name: 'several Hosts',
    fault: 'badHost',
    isFound: ({ their }) => hostsOf(their).length > 1,
  },
  {
    name: 'a Host that is none',
    fault: 'badHost',
    isFound: ({ their }) => hostsOf(their).some((host) => !isHost(host)),
  },
  {
    name: 'an expectation that is not known, or several',
    fault: 'expectation',
    isFound: ({ their }) => {
      const expected = valuesOf(their.fields, 'expect')
      return expected.length > 1 || expected.some((one) => one.toLowerCase() !== '100-continue')
    },
  },
  {
    name: 'a handshake for WebSocket that lacks its fields',
    fault: 'badHandshake',
    isFound: ({ their }) =>
      connectionOptions(their.fields).has('upgrade') &&
      ['sec-websocket-key', 'sec-websocket-version'].some(
        (name) => valuesOf(their.fields, name).length === 0,
      ),
  },
  {
    name: 'an upgrade with a body',
    fault: 'upgradeWithBody',
    isFound: ({ their }) =>
      connectionOptions(their.fields).has('upgrade') &&
      valuesOf(their.fields, 'content-length').length + codingsOf(their).length > 0,
  },
  {
    name: 'a transfer coding that is not known, under chunked',
    fault: 'unknownCoding',
    isFound: ({ their }) => codingsOf(their).some((one) => /.*,[\t ]*chunked$/i.test(one)),
  },
]

const REASONS: readonly Reason[] = [
  ...LINE_REASONS,
  ...FIELD_REASONS,
  ...framingReasons('badLength', 'badCoding'),
  ...chunkReasons('badChunk'),
  largeHead(LIMITS.headerCount),
]

export const REQUEST_RULES: Rules = {
  compareHeads: compareRequestHeads,
  whyRefused: (fault, refused) => findReason(REASONS, fault, refused),
}

/** Without the empty lines before it. */
function firstLine(rest: string): string {
  return /^(?:\r\n)*([^\r\n]*)/.exec(rest)![1]!
}

function targetOf({ start }: Message): string {
  return start.slice(start.indexOf(' ') + 1)
}

function hostsOf({ fields }: Message): readonly string[] {
  return valuesOf(fields, 'host')
}

function isHost(host: string): boolean {
  if (host === '') return true
  if (Number(/:(\d+)$/.exec(host)?.[1] ?? 0) > 65_535) return false
  return NAME_AND_PORT.test(host) || (ADDRESS_AND_PORT.test(host) && URL.canParse(`http://${host}`))
}
