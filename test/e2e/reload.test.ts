/** The real process takes new certificates and listeners by SIGHUP and by itself, and keeps the good ones. */

import { once } from 'node:events'
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect, type TLSSocket } from 'node:tls'
import { expect, onTestFinished, test } from 'vitest'
import { freePorts } from '../../bench/load/children.ts'
import { connectClient } from '../proxy/exchange/client.ts'
import { eventually } from '../proxy/exchange/eventually.ts'
import { startUpstream } from '../proxy/exchange/upstream.ts'
import { outcomeOf } from '../proxy/listener/house.ts'
import { configText, type SluiceProcess, startSluice } from './sluice-process.ts'

const CERTIFICATES = join(import.meta.dirname, '../certificates')
const LISTENER =
  '{ name: public, host: 127.0.0.1, port: 0, protocols: [http1], tls: { cert: c.pem, key: k.pem } }'

/** Each of them is a moment in which a door could be the wrong one. */
const MOVE_COUNT = 6

interface House {
  readonly sluice: SluiceProcess
  readonly port: number
  /** Puts a certificate and its key where the configuration names them. */
  use(cert: string, key?: string): void
  write(listeners: string): void
}

async function start(): Promise<House> {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-reload-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const upstream = await startUpstream((received) => received.answer(200, 'hello'))
  const options = { shops: { stable: upstream, canary: upstream }, threads: 2, folder }
  const use = (cert: string, key: string = cert): void => {
    copyFileSync(join(CERTIFICATES, `${cert}.cert.pem`), join(folder, 'c.pem'))
    copyFileSync(join(CERTIFICATES, `${key}.key.pem`), join(folder, 'k.pem'))
  }
  const write = (listeners: string): void =>
    writeFileSync(join(folder, 'sluice.yaml'), configText({ ...options, listeners }))
  use('a.example')
  const sluice = await startSluice({ ...options, listeners: LISTENER })
  onTestFinished(() => sluice.kill())
  return { sluice, port: Number(new URL(sluice.proxyUrl).port), use, write }
}

/** Whom the certificate names is what the tests look at. */
const checkServerIdentity = (): undefined => undefined

/** A connection over TLS that asks one request after the other. */
class Client {
  readonly socket: TLSSocket
  #text = ''

  constructor(port: number) {
    const ca = readFileSync(join(CERTIFICATES, 'ca.pem'))
    this.socket = connect({ port, host: '127.0.0.1', ca, checkServerIdentity })
    this.socket.setEncoding('latin1').on('data', (text: string) => {
      this.#text += text
    })
    onTestFinished(() => void this.socket.destroy())
  }

  async connected(): Promise<this> {
    await once(this.socket, 'secureConnect')
    return this
  }

  get name(): string {
    return String(this.socket.getPeerCertificate().subject.CN)
  }

  async expectAnswer(): Promise<void> {
    this.#text = ''
    this.socket.write('GET / HTTP/1.1\r\nHost: a.example\r\n\r\n')
    await eventually(() => this.#text).toMatch(/^HTTP\/1\.1 200 [^]*hello$/)
  }
}

const connectTo = (port: number): Promise<Client> => new Client(port).connected()

/** Asks for a reload; resolves when the log has that line once more. */
async function hangUp({ sluice }: House, line: string): Promise<void> {
  const count = () => sluice.stderr().split(line).length
  const before = count()
  process.kill(sluice.pid, 'SIGHUP')
  await eventually(count).toBe(before + 1)
}

test('a new certificate is shown to new connections, and the old ones go on', async () => {
  const house = await start()
  const old = await connectTo(house.port)
  expect(old.name).toBe('a.example')
  await old.expectAnswer()

  house.use('wildcard.b.example')
  await hangUp(house, 'The configuration is loaded anew')
  const next = await connectTo(house.port)
  expect(next.name).toBe('*.b.example')
  await next.expectAnswer()
  await old.expectAnswer()
})

test('a certificate that does not load keeps the good one, until it is mended without a word', async () => {
  const house = await start()
  house.use('a.example', 'client')
  await hangUp(house, 'the last good one stays in force')
  await expect
    .poll(() => house.sluice.stderr())
    .toContain('Cannot use key k.pem: it does not belong to the certificate c.pem')
  const client = await connectTo(house.port)
  expect(client.name).toBe('a.example')
  await client.expectAnswer()

  house.use('wildcard.b.example')
  await eventually(() => house.sluice.stderr()).toContain('The configuration is loaded anew')
  expect((await connectTo(house.port)).name).toBe('*.b.example')
})

test('a listener is moved while a connection lives', async () => {
  const house = await start()
  const old = await connectTo(house.port)
  house.write(LISTENER.replace('public', 'other'))
  await hangUp(house, 'The configuration is loaded anew')
  const [, port] =
    /Listener other on https:\/\/127\.0\.0\.1:(\d+)/.exec(house.sluice.stderr()) ?? []
  const next = await connectTo(Number(port))
  await next.expectAnswer()
  await old.expectAnswer()
  await expect(connectTo(house.port)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  expect(await house.sluice.stop()).toBe(0)
})

test('a listener that moves and turns to TLS is at no moment the one in the place of the other', async () => {
  const house = await start()
  const [plainPort = 0, securePort = 0] = await freePorts(2)
  const plain = `${listenerAt(plainPort)} }`
  const secure = `${listenerAt(securePort)}, tls: { cert: c.pem, key: k.pem } }`
  const strangers = [
    keepTrying(() => outcomeOf(plainPort)),
    keepTrying(() => plainOutcome(securePort)),
  ]
  for (let round = 0; round < MOVE_COUNT; round++) {
    house.write(round % 2 === 0 ? plain : secure)
    await hangUp(house, 'The configuration is loaded anew')
    const served = round % 2 === 0 ? plainOutcome(plainPort) : outcomeOf(securePort)
    expect(await served).toBe('served')
  }
  for (const stranger of strangers) {
    const outcomes = await stranger.end()
    expect(outcomes).toContain('ECONNREFUSED')
    expect(outcomes).not.toContain('served')
  }
})

/** The beginning of a listener's YAML. */
function listenerAt(port: number): string {
  return `{ name: public, host: 127.0.0.1, port: ${port}`
}

/** Makes one attempt after the other; `end` resolves with what came of them. */
function keepTrying(attempt: () => Promise<string>): { end(): Promise<ReadonlySet<string>> } {
  const outcomes = new Set<string>()
  const over = new AbortController()
  onTestFinished(() => over.abort())
  const tried = (async () => {
    while (!over.signal.aborted) outcomes.add(await attempt())
  })()
  return {
    async end() {
      over.abort()
      await tried
      return outcomes
    },
  }
}

/** Resolves with `served`, with the code of the error on connecting, or with how the connection ended. */
async function plainOutcome(port: number): Promise<string> {
  const client = await connectClient(port).catch((error: NodeJS.ErrnoException) => error)
  if (client instanceof Error) return client.code ?? client.message
  const answer = await client.get('/').catch(() => null)
  client.socket.destroy()
  return answer === null ? client.reader.ending : 'served'
}
