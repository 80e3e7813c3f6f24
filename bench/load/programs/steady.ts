/**
 * Ordinary clients: `steady.ts PORT RATE SECONDS FILE`. Sends GET requests at a fixed rate over kept connections, whatever
 * becomes of the earlier ones, and writes to the file as JSON how many were answered 200 and how long they took, microseconds.
 *
 * A latency counts from the moment at which the request was due, not sent: or a proxy that holds up everybody for a
 * while would have one slow request to its name instead of hundreds (coordinated omission).
 */

import { writeFileSync } from 'node:fs'
import { Agent, get } from 'node:http'

const [port = 0, rate = 0, seconds = 0] = process.argv.slice(2, 5).map(Number)
const file = process.argv[5] ?? ''
const agent = new Agent({ keepAlive: true, maxSockets: 256 })
const latenciesUs: number[] = []
let failedCount = 0
let doneCount = 0
const total = rate * seconds
const startMs = performance.now()
let sentCount = 0

const sending = setInterval(() => {
  while (sentCount < total && performance.now() - startMs >= (sentCount * 1000) / rate) {
    ask(startMs + (sentCount * 1000) / rate)
    sentCount++
  }
  if (sentCount === total) clearInterval(sending)
}, 1)

function ask(dueMs: number): void {
  const request = get({ host: '127.0.0.1', port, path: '/small', agent }, (response) => {
    response.resume().on('end', () => {
      if (response.statusCode === 200) latenciesUs.push((performance.now() - dueMs) * 1000)
      else failedCount++
      settle()
    })
  })
  request.on('error', () => {
    failedCount++
    settle()
  })
}

function settle(): void {
  if (++doneCount < total) return
  agent.destroy()
  writeFileSync(file, JSON.stringify({ failedCount, latenciesUs: latenciesUs.map(Math.round) }))
}
