/**
 * How many of the bytes written to a socket the kernel has not taken.
 *
 * Node counts whole writes, and one write may be all that a connection holds: a slow reader then seems to take nothing
 * for minutes, and all of it at once. What the kernel took of the write under way is told by the handle and
 * by the stream's state, which are no public interfaces of Node; where they are not found, whole writes count, and so
 * they do over TLS, whose handle knows only what it has encrypted.
 */

import type { Socket } from 'node:net'

export function unsentBytes(socket: Socket): number {
  const { writableLength } = socket
  if (writableLength === 0 || socket.connecting || isEncrypted(socket)) return writableLength
  const underWay = numberIn(Reflect.get(socket, '_writableState'), 'writelen')
  const queued = numberIn(Reflect.get(socket, '_handle'), 'writeQueueSize')
  if (underWay === null || queued === null || queued > underWay) return writableLength
  return writableLength - underWay + queued
}

function numberIn(owner: unknown, name: string): number | null {
  if (typeof owner !== 'object' || owner === null) return null
  const value: unknown = Reflect.get(owner, name)
  return typeof value === 'number' ? value : null
}

function isEncrypted(socket: Socket): boolean {
  return Reflect.get(socket, 'encrypted') === true
}
