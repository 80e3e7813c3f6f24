/** A slow reader is seen to take something while one long write is under way. */

import { once } from 'node:events'
import { type AddressInfo, connect, createServer, Socket } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { unsentBytes } from '../../src/proxy/unsent.ts'
import { eventually } from './exchange/eventually.ts'

test('what the kernel has taken of a write is not unsent', async () => {
  const server = createServer({ pauseOnConnect: true }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const accepted = once(server, 'connection')
  const writer = connect((server.address() as AddressInfo).port, '127.0.0.1')
  const [reader]: Socket[] = await accepted
  await eventually(() => writer.connecting).toBe(false)
  onTestFinished(() => {
    writer.destroy()
    reader!.destroy()
    server.close()
  })
  const total = 32 * 1024 * 1024
  writer.write(Buffer.alloc(total))
  await eventually(() => unsentBytes(writer)).toBeLessThan(total)
  expect(unsentBytes(writer)).toBeGreaterThan(0)
  expect(writer.writableLength).toBe(total)
  const before = unsentBytes(writer)
  reader!.resume()
  await eventually(() => unsentBytes(writer)).toBeLessThan(before)
  await eventually(() => unsentBytes(writer)).toBe(0)
})

test('a socket that nothing was written to has nothing unsent', () => {
  expect(unsentBytes(new Socket())).toBe(0)
})
