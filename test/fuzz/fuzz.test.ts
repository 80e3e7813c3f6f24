/**
 * A small run of the differential fuzz, and what keeps it honest: readers that are lenient, too strict or plainly wrong
 * have to be found out, and the short way into node:http has to be the way of a socket.
 */

import { randomInt } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { fuzz } from './fuzz.ts'
import { openRequests } from './node-answers.ts'
import { nodeReadsRequests, nodeReadsRequestStream } from './node-requests.ts'
import {
  answerReader,
  answersPart,
  type Part,
  piecesOf,
  type Reader,
  requestReader,
  requestsPart,
} from './parts.ts'
import { Random } from './random.ts'
import type { Message, Reading } from './reading.ts'

const SEEDS = [1, randomInt(2 ** 32)]

describe('our readers and those of node:http read the same', () => {
  test.for(SEEDS)('requests, seed %i', async (seed) => {
    const { differences, shares } = await run(requestsPart(), seed, 5_000)
    expect(differences).toEqual([])
    expect(shares.get('requests: read by both')).toBeGreaterThan(500)
    expect(shares.size).toBeGreaterThan(20)
  })

  test.for(SEEDS)('answers, seed %i', async (seed) => {
    const { differences, shares } = await run(answersPart(), seed, 5_000)
    expect(differences).toEqual([])
    expect(shares.get('responses: read by both')).toBeGreaterThan(1_000)
    expect(shares.size).toBeGreaterThan(10)
  })
})

function run(part: Part, seed: number, count: number): ReturnType<typeof fuzz> {
  return fuzz({ parts: [part], seed, from: 0, count })
}

/** Reads something else than what is there. */
function reads(change: (text: string) => string, read: Reader): Reader {
  return (input, pieces) => {
    const text = Buffer.concat(pieces).toString('latin1')
    const changed = change(text)
    return changed === text ? read(input, pieces) : read(input, [Buffer.from(changed, 'latin1')])
  }
}

/** Reads what is there, and tells it wrong. */
function tells(change: (message: Message) => Partial<Message>, read: Reader): Reader {
  return (input, pieces) => {
    const reading = read(input, pieces)
    for (const message of reading.messages) Object.assign(message, change(message))
    return reading
  }
}

/** Refuses for a reason that is not there. */
function refuses(fault: string, read: Reader): Reader {
  return (input, pieces) => ({ ...read(input, pieces), messages: [], fault }) satisfies Reading
}

function throws(): never {
  throw new Error('a bug')
}

const CONTENT_LENGTHS =
  /(content-length:[^\r\n]*\r\n)((?:[^\r\n]+\r\n)*)content-length:[^\r\n]*\r\n/i

const WRONG: Readonly<Record<string, (read: Reader) => Reader>> = {
  'a space before the colon': (read) => reads((text) => text.replaceAll(/[ \t]+:/g, ':'), read),
  'the second of two lengths': (read) =>
    reads((text) => text.replace(CONTENT_LENGTHS, '$1$2'), read),
  'LF alone': (read) => reads((text) => text.replaceAll(/(?<!\r)\n/g, '\r\n'), read),
  'a folded line': (read) => reads((text) => text.replaceAll(/\r\n[ \t]/g, ' '), read),
  'a sign before a length': (read) =>
    reads((text) => text.replaceAll(/(content-length:[ \t]*)[+-]/gi, '$1'), read),
  'a coding that begins with chunked': (read) =>
    reads((text) => text.replaceAll(/(transfer-encoding:[ \t]*chunked),[^\r\n]*/gi, '$1'), read),
  'a prefix to a chunk size': (read) => reads((text) => text.replaceAll('\r\n0x', '\r\n'), read),
  'blanks in a chunk extension': (read) =>
    reads((text) => text.replaceAll(/(\r\n[\da-f]+;) /gi, '$1'), read),
  'a length in a trailer': (read) =>
    reads((text) => text.replaceAll(/(\r\n0\r\n)content-length:[^\r\n]*\r\n/gi, '$1'), read),
}

describe('a reader is found out that overlooks', () => {
  test.for(Object.entries(WRONG))('%s', async ([, wrong]) => {
    const outcomes = [
      await run(requestsPart(wrong(requestReader())), 1, 20_000),
      await run(answersPart(wrong(answerReader())), 1, 20_000),
    ]
    for (const { differences } of outcomes) expect(differences.length).toBeGreaterThan(0)
  })
})

describe('a reader is found out that', () => {
  test.for([
    ['misses a byte of a body', ({ body }: Message) => ({ body: body.slice(0, -1) })],
    ['loses a field', ({ fields }: Message) => ({ fields: fields.slice(2) })],
    ['adds a field', ({ fields }: Message) => ({ fields: [...fields, 'X-B', 'c'] })],
    ['changes a value', ({ fields }: Message) => ({ fields: fields.map((one) => one.trim()) })],
    ['loses the trailers', () => ({ trailers: [] })],
    ['sees an end that is none', () => ({ isWhole: true })],
    ['does not see the end', () => ({ isWhole: false })],
    ['takes one version for the other', () => ({ version: '1' })],
    ['sends on what it has not read', () => ({ lines: 'X: y\r\n\r\nGET / HTTP/1.1\r\n' })],
  ] as const)('%s', async ([, change]) => {
    const outcomes = [
      await run(requestsPart(tells(change, requestReader())), 1, 5_000),
      await run(answersPart(tells(change, answerReader())), 1, 5_000),
    ]
    for (const { differences } of outcomes) expect(differences.length).toBeGreaterThan(0)
  })

  test('refuses without a reason', async () => {
    const { differences } = await run(requestsPart(refuses('badHost', requestReader())), 1, 500)
    expect(differences.map(({ what }) => what)).toContain('no reason for badHost')
  })

  test('stops where the connection goes on', async () => {
    const read = requestReader()
    const stopping: Reader = (input, pieces) => {
      const { messages, ...rest } = read(input, pieces)
      const isDone = messages[0]?.isWhole === true
      return isDone
        ? { ...rest, messages: messages.slice(0, 1), fault: null, isDone }
        : { ...rest, messages }
    }
    const { differences } = await run(requestsPart(stopping), 1, 500)
    expect(differences.map(({ what }) => what)).toContain('we stop')
  })

  test('reads in another way where it is cut', async () => {
    const read = requestReader()
    const first: Reader = (input, pieces) => read(input, pieces.slice(0, 1))
    const { differences } = await run(requestsPart(first), 1, 500)
    expect(differences.map(({ what }) => what)).toContain('cut: another number of messages')
  })

  test('throws, with the input that did it', async () => {
    const read = requestReader()
    const wrong: Reader = (input, pieces) =>
      input.text.includes('Expect') ? throws() : read(input, pieces)
    const { differences, inputCount } = await run(requestsPart(wrong), 1, 1_000)
    expect(differences.length).toBeGreaterThan(0)
    for (const { what, input } of differences) {
      expect(what).toBe('an exception: Error: a bug')
      expect(input.text).toContain('Expect')
    }
    expect(inputCount).toBeLessThan(1_000)
  })
})

test('one input of a run can be made again', async () => {
  const wrong = requestsPart(tells(() => ({ body: 'x' }), requestReader()))
  const { differences } = await run(wrong, 7, 1_000)
  const { index, input, what } = differences[5]!
  const again = await fuzz({ parts: [wrong], seed: 7, from: index, count: 1 })
  expect(again.differences).toMatchObject([{ index, input, what }])
})

describe('the short way into node:http is that of a socket, for', () => {
  test('requests', async () => {
    const part = requestsPart()
    const random = new Random()
    for (let i = 0; i < 1_000; i++) {
      random.reset(3, i)
      const input = part.makeInput(random)
      const byStream = await nodeReadsRequestStream(piecesOf(input))
      expect({ input, read: nodeReadsRequests(piecesOf(input)) }).toEqual({ input, read: byStream })
    }
  })

  test('answers', async () => {
    const part = answersPart()
    const random = new Random()
    for (let i = 0; i < 1_000; i++) {
      random.reset(3, i)
      const input = part.makeInput(random)
      const [short, long] = await openRequests([input.method, input.method])
      const byStream = await long!.readStream(piecesOf(input), input.isEnded)
      const read = short!.read(piecesOf(input), input.isEnded)
      expect({ input, read: read.messages }).toEqual({ input, read: byStream.messages })
    }
  })
})
