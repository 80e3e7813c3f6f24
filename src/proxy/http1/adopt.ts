/**
 * Takes over an accepted connection, so that what comes on it is read into a buffer that is used again.
 *
 * Node offers `onread` to sockets that connect, not to accepted ones, and gives each read of those a buffer of its
 * own, to be allocated, shrunk and collected: 1 µs of the 16 that a small request costs (DECISIONS.md has the turns). So
 * the handle of the accepted socket moves to a socket that is made with `onread`. The handle is no public
 * interface of Node; where it is not found, each read has its buffer as ever.
 *
 * Over TLS each read has its buffer too: there it is as long as what was decrypted, and to go without it (by the fields
 * that `onread` sets) spared 0.3 µs of 26.
 */

import { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'

/** Receives bytes that are overwritten after it returns. */
export type OnRead = (bytes: Buffer, byteCount: number) => void

/** Returns the socket to work with from now on; `accepted` must come from a server with `pauseOnConnect`. */
export function adopt(accepted: Socket, scratch: Buffer, onRead: OnRead): Socket {
  const handle: unknown = Reflect.get(accepted, '_handle')
  if (typeof handle !== 'object' || handle === null) return read(accepted, onRead)
  Reflect.set(accepted, '_handle', null)
  const options = {
    handle,
    allowHalfOpen: true,
    onread: {
      buffer: scratch,
      callback: (byteCount: number) => {
        onRead(scratch, byteCount)
        return true
      },
    },
  }
  // By Reflect, as the handle is not among the options that Node's types know.
  const socket: Socket = Reflect.construct(Socket, [options])
  return socket
}

/** As `adopt`, of a socket whose handshake has been done over `raw`. */
export function adoptSecure(secure: TLSSocket, raw: Socket, onRead: OnRead): Socket {
  // Of itself it cannot: Node resets bare TCP only.
  Reflect.set(secure, 'resetAndDestroy', () => {
    raw.resetAndDestroy()
    return secure
  })
  return read(secure, onRead)
}

function read(socket: Socket, onRead: OnRead): Socket {
  socket.on('data', (bytes: Buffer) => onRead(bytes, bytes.length))
  return socket.resume()
}
