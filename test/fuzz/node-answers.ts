/**
 * An answer as llhttp reads it in a real `node:http` client, strict; see `node-requests.ts` for how it gets the bytes.
 *
 * A client takes its connection into use a tick later, so requests are opened many at a time.
 */

import { type IncomingMessage, type InformationEvent, request } from 'node:http'
import type { Duplex } from 'node:stream'
import { setImmediate } from 'node:timers/promises'
import { silentSocket, trimmed } from './node-requests.ts'
import { emptyReading, type Message, type Reading } from './reading.ts'

export interface NodeAnswer {
  /** Once only. */
  read(pieces: readonly Buffer[], isEnded: boolean): Reading
  /** The same, through the stream that a socket is. Slower; tells whether the short way is the same way. */
  readStream(pieces: readonly Buffer[], isEnded: boolean): Promise<Reading>
}

/** Sends a request of each method, and is then ready to read what is answered. */
export async function openRequests(methods: readonly string[]): Promise<readonly NodeAnswer[]> {
  const opened = methods.map(openRequest)
  await setImmediate()
  return opened
}

function openRequest(method: string): NodeAnswer {
  const socket = silentSocket()
  const reading = emptyReading()
  const sent = request({
    method,
    createConnection: () => socket,
    httpValidation: 'strict',
    maxHeaderSize: 64 * 1024,
    setHost: false,
  })
  sent
    .on('error', (error: NodeJS.ErrnoException) => {
      reading.fault ??= error.code ?? error.message
    })
    .on('information', (head) => {
      reading.messages.push({ ...messageOf(head), isWhole: true })
    })
    .on('upgrade', (response) => {
      reading.messages.push({ ...messageOf(response), isUpgrade: true })
      reading.isDone = true
    })
    .on('response', (response) => take(reading, response))
    .end()
  return {
    read: (pieces, isEnded) => read(socket, reading, { pieces, isEnded }),
    readStream: (pieces, isEnded) => readStream(socket, reading, { pieces, isEnded }),
  }
}

function read(
  socket: Duplex,
  reading: Reading,
  { pieces, isEnded }: { pieces: readonly Buffer[]; isEnded: boolean },
): Reading {
  for (const piece of pieces) if (socket.listenerCount('data') > 0) socket.emit('data', piece)
  if (isEnded && socket.listenerCount('data') > 0) socket.emit('end')
  // What the client says of a connection that is gone comes later, and is not about the bytes.
  const { fault, isDone } = reading
  socket.destroy()
  return { messages: reading.messages, fault, stoppedAt: 0, isDone }
}

async function readStream(
  socket: Duplex,
  reading: Reading,
  { pieces, isEnded }: { pieces: readonly Buffer[]; isEnded: boolean },
): Promise<Reading> {
  for (const piece of pieces) {
    socket.push(piece)
    await setImmediate()
  }
  if (isEnded) socket.push(null)
  await setImmediate()
  const { fault, isDone } = reading
  socket.destroy()
  return { ...reading, fault, isDone }
}

function take(reading: Reading, response: IncomingMessage): void {
  const message = messageOf(response)
  reading.messages.push(message)
  response.on('error', () => undefined)
  response.push = (piece: Buffer | null) => {
    if (piece === null) {
      message.isWhole = true
      message.trailers = trimmed(response.rawTrailers)
    } else message.body += piece.toString('latin1')
    return true
  }
}

function messageOf(head: InformationEvent | IncomingMessage): Message {
  const { statusCode = 0, statusMessage = '', httpVersion, rawHeaders } = head
  return {
    start: `${String(statusCode).padStart(3, '0')} ${statusMessage}`,
    host: '',
    version: httpVersion.startsWith('1.') ? httpVersion.slice(2) : httpVersion,
    fields: trimmed(rawHeaders),
    lines: '',
    body: '',
    trailers: [],
    isWhole: false,
    isLast: false,
    isUpgrade: false,
  }
}
