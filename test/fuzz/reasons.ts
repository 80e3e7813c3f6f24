/**
 * What a reason to refuse is, and those that requests and answers have in common.
 *
 * A reason belongs to one fault of ours, and is found again in the message as llhttp read it, or in the bytes
 * themselves: by other means than our parser's, so that a parser that refuses too much is seen.
 */

import { connectionOptions, valuesOf } from './compare-heads.ts'
import { LIMITS } from './our-requests.ts'
import type { Message } from './reading.ts'

/** What llhttp read where we refused, and the bytes from the head or body on that we refused. */
export interface Refused {
  readonly their: Message
  readonly rest: string
}

export interface Reason {
  readonly name: string
  /** Of ours. */
  readonly fault: string
  isFound(refused: Refused): boolean
}

export function findReason(
  reasons: readonly Reason[],
  fault: string,
  refused: Refused,
): string | null {
  return reasons.find((one) => one.fault === fault && one.isFound(refused))?.name ?? null
}

/** Of the fields that frame a body. */
export function framingReasons(lengthFault: string, codingFault: string): readonly Reason[] {
  return [
    {
      name: 'a length of 2^53 or more, or of more than 16 digits',
      fault: lengthFault,
      isFound: ({ their }) => {
        const [length = ''] = valuesOf(their.fields, 'content-length')
        return /^\d+$/.test(length) && (length.length > 16 || BigInt(length) >= 2n ** 53n)
      },
    },
    {
      name: 'several Transfer-Encoding lines',
      fault: codingFault,
      isFound: ({ their }) => codingsOf(their).length > 1,
    },
    {
      name: 'a transfer coding in HTTP/1.0',
      fault: codingFault,
      isFound: ({ their }) => their.version === '0' && codingsOf(their).length > 0,
    },
    {
      name: 'a transfer coding that is not chunked, or not alone',
      fault: codingFault,
      isFound: ({ their }) => codingsOf(their).some((one) => one.toLowerCase() !== 'chunked'),
    },
    {
      name: 'a tab behind chunked',
      fault: codingFault,
      isFound: ({ rest }) => /^transfer-encoding:[\t ]*chunked *\t/im.test(rest),
    },
  ]
}

const CHUNK_LINE = /^[\da-f]+(;[^\r\n]*)\r\n/gim
const EXTENSIONS = /^(?:;[\w!#$%&'*+\-.^`|~]+(?:=(?:[\w!#$%&'*+\-.^`|~]+|"(?:[^"\\]|\\.)*"))?)+$/

/** Of chunks and what follows them. */
export function chunkReasons(fault: string): readonly Reason[] {
  return [
    {
      name: 'a chunk size of more than 13 digits',
      fault,
      isFound: ({ rest }) => /^[\da-f]{14}/im.test(rest),
    },
    {
      name: 'a chunk extension that is none',
      fault,
      isFound: ({ rest }) =>
        [...rest.matchAll(CHUNK_LINE)].some(([, extensions = '']) => !EXTENSIONS.test(extensions)),
    },
    {
      name: 'framing in a trailer',
      fault,
      isFound: ({ their }) =>
        ['connection', 'content-length', 'transfer-encoding'].some(
          (name) => valuesOf(their.trailers, name).length > 0,
        ),
    },
  ]
}

/** `fieldLimit`: fields of a head at most. Requests and answers have the same number of bytes here. */
export function largeHead(fieldLimit: number): Reason {
  return {
    name: 'a head that is too large',
    fault: 'headTooLarge',
    isFound: ({ their, rest }) => {
      const emptyLines = /^(?:\r\n)*/.exec(rest)![0].length
      const headBytes = rest.indexOf('\r\n\r\n', emptyLines) + 4
      return headBytes > LIMITS.headBytes || their.fields.length / 2 > fieldLimit
    },
  }
}

export function codingsOf({ fields }: Message): readonly string[] {
  return valuesOf(fields, 'transfer-encoding')
}

/** Whether the connection ends behind the message. */
export function isLast({ version, fields }: Message): boolean {
  const options = connectionOptions(fields)
  return options.has('close') || (version === '0' && !options.has('keep-alive'))
}
