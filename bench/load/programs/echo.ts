/**
 * The upstream of tunnels: takes a WebSocket upgrade, then sends back every byte that comes. `echo.ts PORT`. Frames
 * are not read: a proxy does not look into them either, and what is not done here leaves the core to the load. A
 * request without upgrade is answered 200.
 */

import { type Socket, createServer } from 'node:net'
import { acceptOf } from '../upgrade.ts'

const HEAD_LIMIT = 16_384

function answer(socket: Socket, head: string): void {
  const key = /^sec-websocket-key:[ \t]*(\S+)/im.exec(head)?.[1]
  if (key === undefined) {
    socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n')
    return
  }
  const lines = [
    'HTTP/1.1 101 Switching Protocols',
    'Upgrade: websocket',
    'Connection: Upgrade',
    `Sec-WebSocket-Accept: ${acceptOf(key)}`,
  ]
  socket.write(`${lines.join('\r\n')}\r\n\r\n`)
  socket.on('data', (bytes) => void socket.write(bytes))
}

createServer((socket) => {
  let head = ''
  const readHead = (bytes: Buffer): void => {
    head += bytes.toString('latin1')
    if (head.endsWith('\r\n\r\n')) {
      socket.off('data', readHead)
      answer(socket, head)
    } else if (head.length > HEAD_LIMIT) socket.destroy()
  }
  socket.setNoDelay(true)
  socket.on('error', () => socket.destroy())
  socket.on('data', readHead)
}).listen(Number(process.argv[2]), '127.0.0.1')
