/**
 * Takes over an accepted connection, so that what comes on it is read into a buffer that is used again.
 *
 * Node offers `onread` to sockets that connect, not to accepted ones nor to TLS over them, and gives each read of
 * those a buffer of its own, to be allocated, shrunk and collected: 1 µs of the 16 that a small request costs
 * (DECISIONS.md has the turns). So the handle of the accepted socket moves to a socket that is made with `onread`, and a
 * TLS socket, whose handle cannot move, gets the fields that `onread` would have set. Neither is a public interface
 * of Node; where it is not found, each read has its buffer as ever.
 */

import { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'

/** Receives bytes that are overwritten after it returns. */
export type OnRead = (bytes: Buffer, byteCount: number) => void

/** Returns the socket to work with from now on; `accepted` must come from a server with `pauseOnConnect`. */
export function adopt(accepted: Socket, scratch: Buffer, onRead: OnRead): Socket {
  const handle: unknown = Reflect.get(accepted, '_handle')
  if (typeof handle !== 'object' || handle === null) return readPlainly(accepted, onRead)
  Reflect.set(accepted, '_handle', null)
  const options = {
    handle,
    allowHalfOpen: true,
    onread: { buffer: scratch, callback: callbackOf(scratch, onRead) },
  }
  // By Reflect, as the handle is not among the options that Node's types know.
  const socket: Socket = Reflect.construct(Socket, [options])
  return socket
}

/** As `adopt`, of a socket over `raw` whose handshake has just been done, before anything is read from it. */
export function adoptSecure(
  secure: TLSSocket,
  { raw, scratch, onRead }: { raw: Socket; scratch: Buffer; onRead: OnRead },
): Socket {
  // Of itself it cannot: Node resets bare TCP only.
  Reflect.set(secure, 'resetAndDestroy', () => {
    raw.resetAndDestroy()
    return secure
  })
  const handle: unknown = Reflect.get(secure, '_handle')
  const useBuffer: unknown =
    typeof handle === 'object' && handle !== null ? Reflect.get(handle, 'useUserBuffer') : null
  if (
    typeof useBuffer !== 'function' ||
    BUFFER === undefined ||
    CALLBACK === undefined ||
    secure.readableLength > 0
  ) {
    return readPlainly(secure, onRead)
  }
  Reflect.set(secure, BUFFER, scratch)
  Reflect.set(secure, CALLBACK, callbackOf(scratch, onRead))
  Reflect.apply(useBuffer, handle, [scratch])
  return secure
}

function callbackOf(scratch: Buffer, onRead: OnRead): (byteCount: number) => boolean {
  return (byteCount) => {
    onRead(scratch, byteCount)
    return true
  }
}

function readPlainly(socket: Socket, onRead: OnRead): Socket {
  socket.on('data', (bytes: Buffer) => onRead(bytes, bytes.length))
  return socket.resume()
}

const SOCKET_SYMBOLS: readonly symbol[] = Object.getOwnPropertySymbols(new Socket())
const BUFFER = symbolOf('kBuffer')
const CALLBACK = symbolOf('kBufferCb')

function symbolOf(description: string): symbol | undefined {
  return SOCKET_SYMBOLS.find((symbol) => symbol.description === description)
}
