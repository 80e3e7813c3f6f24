/**
 * Headless Chromium over TLS: a page that listens to events, talks by WebSocket, fetches and shows pictures.
 *
 * The upstream moves on only after the page has said what it saw, so nothing passes that was held back.
 */

import { mkdtempSync, rmSync } from 'node:fs'
import type { RequestListener, ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { launch, type Browser, type Page } from 'puppeteer-core'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { WebSocketServer } from 'ws'
import { startProxy, type Proxy } from '../proxy/exchange/proxy.ts'
import { lacks, whereIs } from './program.ts'
import { bodyOf, SECURE, serve } from './servers.ts'

const START_MS = 60_000

/** Says to the test what it sees; the test waits for that. */
const PAGE = `<!doctype html><title>shop</title><link rel="icon" href="data:,"><script>
const seen = []
const see = (what) => seen.push(what)
function listen() {
  const source = new EventSource('/events')
  source.onmessage = ({ data, lastEventId }) => see(lastEventId + ' ' + data)
  source.addEventListener('last', () => { source.close(); see('closed') })
}
function talk(messages) {
  const socket = new WebSocket('wss://' + location.host + '/talk')
  socket.onopen = () => { for (const message of messages) socket.send(message) }
  socket.onmessage = ({ data }) => { see(data); if (data === messages.at(-1)) socket.close(4000, 'enough') }
  socket.onclose = ({ code, reason, wasClean }) => see([code, reason, wasClean].join(' '))
  socket.onerror = () => see('error')
}
async function stream() {
  const reader = (await fetch('/stream')).body.getReader()
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return see('done')
    see(new TextDecoder().decode(value))
  }
}
</script>`

interface Shop {
  readonly proxy: Proxy
  readonly page: Page
  /** Answers that are open, by path. */
  readonly open: Map<string, ServerResponse>
  /** Requests by path, with the version by which the browser asked. */
  readonly asked: Map<string, string>
  readonly seen: () => Promise<unknown>
}

let browser: Browser
let profile = ''

async function openShop(): Promise<Shop> {
  const open = new Map<string, ServerResponse>()
  const asked = new Map<string, string>()
  const { server, port } = await serve((request, response) => {
    const [path = ''] = (request.url ?? '').split('?')
    asked.set(path, request.headers.via ?? '')
    open.set(path, response)
    ANSWERS[path]?.(request, response)
  })
  const sockets = new WebSocketServer({ server, path: '/talk' })
  sockets.on('connection', (socket, request) => {
    asked.set('/talk', request.headers.via ?? '')
    socket.on('message', (bytes, isBinary) => socket.send(bytes, { binary: isBinary }))
  })
  const proxy = await startProxy({ stable: [port], listener: SECURE })
  const page = await browser.newPage()
  onTestFinished(() => page.close())
  await page.goto(`https://127.0.0.1:${proxy.port}/`)
  return { proxy, page, open, asked, seen: () => page.evaluate('seen') }
}

describe.skipIf(lacks('chromium'))('a page', () => {
  beforeAll(async () => {
    profile = mkdtempSync(join(tmpdir(), 'sluice-chromium-'))
    browser = await launch({
      executablePath: whereIs('chromium'),
      userDataDir: profile,
      args: ['--no-sandbox', '--disable-quic', '--disable-dev-shm-usage'],
      acceptInsecureCerts: true,
    })
  }, START_MS)

  afterAll(async () => {
    await browser.close()
    rmSync(profile, { recursive: true, force: true })
  })

  test('comes over HTTP/2', async () => {
    const { page, asked, proxy } = await openShop()
    expect(await page.title()).toBe('shop')
    const protocol = `performance.getEntriesByType('navigation')[0].nextHopProtocol`
    expect(await page.evaluate(protocol)).toBe('h2')
    expect(asked.get('/')).toMatch(/^2\.0 /)
    expect(proxy.counted().codes).toEqual({ 'GET 200': 1 })
  })

  test('sees each event when it is sent', async () => {
    const { page, open, seen } = await openShop()
    await page.evaluate('listen()')
    await expect.poll(() => open.has('/events')).toBe(true)
    const response = open.get('/events')!
    const events: string[] = []
    for (let id = 1; id <= 5; id++) {
      response.write(`id: ${id}\ndata: event ${id}\n\n`)
      events.push(`${id} event ${id}`)
      await expect.poll(seen).toEqual(events)
    }
    response.write('event: last\ndata: x\n\n')
    await expect.poll(seen).toEqual([...events, 'closed'])
    await expect.poll(() => response.destroyed).toBe(true)
    const protocol = `performance.getEntriesByName(location.origin + '/events')[0]?.nextHopProtocol`
    await expect.poll(() => page.evaluate(protocol)).toBe('h2')
  })

  test('talks by WebSocket', async () => {
    const { page, asked, seen, proxy } = await openShop()
    // An empty one after a large one Chromium keeps to itself at times, also without Sluice.
    const messages = ['hello', '', 'ä'.repeat(70_000), 'bye']
    await page.evaluate(`talk(${JSON.stringify(messages)})`)
    await expect.poll(seen).toEqual([...messages, '4000 enough true'])
    // By which version is the browser's choice, as we offer both; it has a connection in HTTP/2 already.
    expect(asked.get('/talk')).toMatch(/^(?:2\.0|1\.1) /)
    await expect.poll(() => proxy.counted().tunnelsClosed).toBe(1)
  })

  test('fetches, and posts', async () => {
    const { page } = await openShop()
    const body = 'x'.repeat(1_000_000)
    const post = `fetch('/length', { method: 'POST', body: 'x'.repeat(${body.length}) })`
    expect(await page.evaluate(`${post}.then((answer) => answer.json())`)).toEqual({
      method: 'POST',
      bytes: body.length,
    })
    const status = `fetch('/nothing').then(({ status }) => status)`
    expect(await page.evaluate(status)).toBe(204)
    const twenty = `Promise.all(Array.from({ length: 20 }, () => fetch('/length').then((a) => a.json())))`
    expect(await page.evaluate(twenty)).toEqual(
      Array.from({ length: 20 }, () => ({ method: 'GET', bytes: 0 })),
    )
  })

  test('shows pictures, many at a time', async () => {
    const { page, proxy } = await openShop()
    const before = proxy.counted().finished
    const sizes = `Promise.all(Array.from({ length: 24 }, async (_, n) => {
      const image = document.body.appendChild(new Image())
      image.src = '/picture?' + n
      await image.decode()
      return [image.naturalWidth, image.naturalHeight]
    }))`
    expect(await page.evaluate(sizes)).toEqual(Array.from({ length: 24 }, () => [1, 1]))
    expect(proxy.counted().finished - before).toBe(24)
  })

  test('reads a streamed answer in the pieces in which it is sent', async () => {
    const { page, open, seen } = await openShop()
    await page.evaluate('void stream()')
    await expect.poll(() => open.has('/stream')).toBe(true)
    const response = open.get('/stream')!
    response.write('one')
    await expect.poll(seen).toEqual(['one'])
    response.write('two')
    await expect.poll(seen).toEqual(['one', 'two'])
    response.end('three')
    await expect.poll(seen).toEqual(['one', 'two', 'three', 'done'])
  })
})

/** One pixel. */
const PICTURE = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
)

const ANSWERS: Readonly<Record<string, RequestListener>> = {
  '/': (_, response) => {
    response.writeHead(200, { 'content-type': 'text/html' }).end(PAGE)
  },
  '/events': (_, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
    response.flushHeaders()
  },
  '/stream': (_, response) => {
    response.writeHead(200, { 'content-type': 'text/plain', 'cache-control': 'no-store' })
    response.flushHeaders()
  },
  '/length': async (request, response) => {
    const { length } = await bodyOf(request)
    response.end(JSON.stringify({ method: request.method, bytes: length }))
  },
  '/picture': (_, response) => {
    response.writeHead(200, { 'content-type': 'image/png' }).end(PICTURE)
  },
  '/nothing': (_, response) => {
    response.writeHead(204).end()
  },
}
