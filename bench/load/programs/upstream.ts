/**
 * The upstream where nginx is not installed: canned answers on `node:net`, cheaper than `node:http`, so that the
 * load's core has more left. `upstream.ts STABLE_PORT CANARY_PORT`. It takes GET without a body, and that alone.
 */

import { type Socket, createServer } from 'node:net'
import { BODIES } from '../scenario.ts'

const HEAD_LIMIT = 16_384

function answer(upstream: string, body: string | Buffer): Buffer {
  const head = [
    'HTTP/1.1 200 OK',
    'Server: bench',
    'Date: Mon, 01 Jan 2029 00:00:00 GMT',
    'Content-Type: text/plain',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: keep-alive',
    'Cache-Control: no-cache',
    'ETag: "5f3c-1a2b"',
    `X-Upstream: ${upstream}`,
  ]
  return Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`), Buffer.from(body)])
}

function listen(upstream: string, port: number | undefined): void {
  const answers = new Map(
    BODIES.map(({ path, bodyBytes }) => [path, answer(upstream, 'x'.repeat(bodyBytes))]),
  )
  createServer((socket) => {
    // `/echo` gives the head back, for the check of what a proxy sets.
    serve(socket, (path, head) => answers.get(path) ?? answer(upstream, head))
  }).listen(port, '127.0.0.1')
}

function serve(socket: Socket, answerTo: (path: string, head: string) => Buffer): void {
  let pending = ''
  socket.setNoDelay(true)
  socket.on('error', () => socket.destroy())
  socket.on('data', (chunk) => {
    pending += chunk.toString('latin1')
    for (let end = pending.indexOf('\r\n\r\n'); end !== -1; end = pending.indexOf('\r\n\r\n')) {
      const head = pending.slice(0, end + 2)
      const path = head.slice(head.indexOf(' ') + 1, head.indexOf(' ', 4))
      pending = pending.slice(end + 4)
      socket.write(answerTo(path, head))
    }
    if (pending.length > HEAD_LIMIT) socket.destroy()
  })
}

const [stablePort, canaryPort] = process.argv.slice(2).map(Number)
listen('stable', stablePort)
listen('canary', canaryPort)
