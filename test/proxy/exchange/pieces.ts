/** Random bytes, cut at random places, with random framing. */

import type { Socket } from 'node:net'
import { setImmediate } from 'node:timers/promises'

export function randomBytes(byteCount: number, random: () => number): Buffer {
  const bytes = Buffer.allocUnsafe(byteCount)
  for (let i = 0; i < byteCount; i++) bytes[i] = random() * 256
  return bytes
}

/** Whole numbers from 0 to `max`, small ones as likely as large ones. */
export function randomSize(max: number, random: () => number): number {
  const size = Math.floor(2 ** (random() * Math.log2(max + 2))) - 1
  return Math.min(max, size)
}

/** Writes the bytes in up to `cutCount + 1` pieces, which the kernel may carry one by one; stops when the socket is gone. */
export async function writePieces(
  socket: Socket,
  bytes: Buffer,
  options: { readonly cutCount: number; readonly random: () => number },
): Promise<void> {
  const cuts = Array.from({ length: options.cutCount }, () =>
    Math.floor(options.random() * bytes.length),
  ).toSorted((a, b) => a - b)
  let start = 0
  for (const end of [...cuts, bytes.length]) {
    if (socket.destroyed) return
    if (end > start) socket.write(bytes.subarray(start, end))
    start = end
    await setImmediate()
  }
}

/** Frames a body as chunks of random sizes, some with extensions. */
export function chunked(body: Buffer, random: () => number, maxChunkBytes = 70_000): Buffer {
  const parts: Buffer[] = []
  for (let at = 0; at < body.length;) {
    const size = Math.min(body.length - at, 1 + randomSize(maxChunkBytes, random))
    const hex =
      random() < 0.5 ? size.toString(16) : size.toString(16).toUpperCase().padStart(5, '0')
    const extension = random() < 0.2 ? ';note="a;b"' : ''
    parts.push(
      Buffer.from(`${hex}${extension}\r\n`),
      body.subarray(at, at + size),
      Buffer.from('\r\n'),
    )
    at += size
  }
  parts.push(Buffer.from(random() < 0.2 ? '0\r\nx-trailer: left out\r\n\r\n' : '0\r\n\r\n'))
  return Buffer.concat(parts)
}
