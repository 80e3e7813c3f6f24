/**
 * Requests as llhttp reads them in a real `node:http` server, strict.
 *
 * The bytes are given to the server's listener on a connection in memory, as a socket gives them, so that everything has
 * happened when that returns and no event loop has to turn: thousands of inputs a second more, and no input can reach
 * into the next. What a message says is taken where the parser hands it over, in `push`, not from the stream behind it.
 *
 * Where a request asks for an upgrade, the server reads no further and hands over the rest; we may take that request
 * for an ordinary one. So the rest is read by a connection of its own, and compared like any other.
 */

import { createServer, type IncomingMessage } from 'node:http'
import { Duplex } from 'node:stream'
import { setImmediate } from 'node:timers/promises'
import {
  emptyReading,
  type FieldList,
  type Message,
  type Reading,
  withoutBlanks,
} from './reading.ts'

const server = createServer({
  httpValidation: 'strict',
  requireHostHeader: false,
  maxHeaderSize: 64 * 1024,
  keepAliveTimeout: 0,
  requestTimeout: 0,
  headersTimeout: 0,
  connectionsCheckingInterval: 2 ** 30,
  shouldUpgradeCallback: (request) => {
    take(request)
    return true
  },
})

let reading: Reading = emptyReading()
let socket: Duplex = silentSocket()

for (const event of ['request', 'checkContinue', 'checkExpectation', 'connect'])
  server.on(event, take)
server.on('clientError', (error: NodeJS.ErrnoException) => {
  reading.fault ??= error.code ?? error.message
})
server.on('upgrade', onUpgrade)

export function nodeReadsRequests(pieces: readonly Buffer[]): Reading {
  reading = emptyReading()
  open()
  for (const piece of pieces) {
    if (reading.fault !== null || reading.isDone) break
    socket.emit('data', piece)
  }
  socket.destroy()
  return reading
}

/** The same, through the stream that a socket is. Slower; tells whether the short way is the same way. */
export async function nodeReadsRequestStream(pieces: readonly Buffer[]): Promise<Reading> {
  reading = emptyReading()
  open()
  for (const piece of pieces) {
    if (reading.fault !== null || reading.isDone) break
    // At an upgrade the server leaves it to others to read on.
    socket.resume()
    socket.push(piece)
    await setImmediate()
  }
  await setImmediate()
  socket.destroy()
  return reading
}

function open(): void {
  socket = silentSocket()
  server.emit('connection', socket)
}

/** Takes what is written and says nothing by itself. */
export function silentSocket(): Duplex {
  return new Duplex({ read: () => undefined, write: (_piece, _encoding, done) => done() })
}

/** Called once a request, when its head is whole. */
function take(request: IncomingMessage): void {
  const { method = '', url = '', httpVersion, rawHeaders, upgrade } = request as Upgradable
  const message: Message = {
    start: `${method} ${url}`,
    host: '',
    version: httpVersion.startsWith('1.') ? httpVersion.slice(2) : httpVersion,
    fields: trimmed(rawHeaders),
    lines: '',
    body: '',
    trailers: [],
    isWhole: false,
    isLast: false,
    isUpgrade: upgrade,
  }
  reading.messages.push(message)
  request.push = (piece: Buffer | null) => {
    if (piece === null) {
      message.isWhole = true
      message.trailers = trimmed(request.rawTrailers)
    } else message.body += piece.toString('latin1')
    return true
  }
  if (method === 'CONNECT') {
    message.isWhole = true
    reading.isDone = true
  }
}

type Upgradable = IncomingMessage & { readonly upgrade: boolean }
type UpgradeStream = Duplex & { requestBodyCompleted: (rest: Buffer) => void }

/** The server calls at once when the request has no body, or when the body has all come; otherwise it says so later. */
function onUpgrade(request: IncomingMessage, stream: Duplex, rest: Buffer): void {
  if (request.complete) goOn(rest)
  else (stream as UpgradeStream).requestBodyCompleted = goOn
}

function goOn(rest: Buffer | undefined): void {
  open()
  if (rest !== undefined && rest.length > 0) socket.emit('data', rest)
}

/** Where a value was cut among the blanks around it, some of them stay. */
export function trimmed(fields: FieldList): FieldList {
  return fields.map((text, i) => (i % 2 === 0 ? text : withoutBlanks(text)))
}
