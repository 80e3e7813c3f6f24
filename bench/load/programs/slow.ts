/**
 * Slow clients: `slow.ts PORT COUNT INTERVAL_MS`. Each has a connection and sends a byte in each interval: half of them
 * of a head, half of a body. They come over ten seconds, as a crowd does that is none of one mind, and whoever is cut off
 * comes again. Prints, at SIGTERM, what became of them.
 */

import { connect, type Socket } from 'node:net'

const [port = 0, count = 0, intervalMs = 0] = process.argv.slice(2).map(Number)
/** Connections opened at a time; the kernel's backlog holds more. */
const OPENING_LIMIT = 50
/** Until all are there. */
const ARRIVAL_MS = 10_000

const HEAD = 'GET / HTTP/1.1\r\nHost: a\r\nX-Slow: '
const BODY = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n'

const open = new Set<Socket>()
let openingCount = 0
let cutCount = 0
let refusedCount = 0
let nextIsHead = true
const startMs = performance.now()

function fill(): void {
  const due = Math.min(1, (performance.now() - startMs) / ARRIVAL_MS) * count
  while (openingCount < OPENING_LIMIT && open.size + openingCount < due) begin()
}

function begin(): void {
  openingCount++
  const text = nextIsHead ? HEAD : BODY
  nextIsHead = !nextIsHead
  const socket = connect(port, '127.0.0.1')
  let drip: NodeJS.Timeout | undefined
  let isOpen = false
  socket
    .on('connect', () => {
      isOpen = true
      openingCount--
      open.add(socket)
      socket.write(text)
      drip = setInterval(() => socket.write('x'), intervalMs)
    })
    .on('error', () => undefined)
    .on('close', () => {
      clearInterval(drip)
      open.delete(socket)
      if (isOpen) cutCount++
      else refusedCount++
      if (!isOpen) openingCount--
    })
    .resume()
}

setInterval(fill, 10)
process.on('SIGTERM', () => {
  console.log(JSON.stringify({ openCount: open.size, cutCount, refusedCount }))
  process.exit(0)
})
