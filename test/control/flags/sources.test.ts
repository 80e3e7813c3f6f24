import { mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { DEFINITIONS_BYTES } from '../../../src/control/config/defaults-flags.ts'
import type { FlagdConfig } from '../../../src/control/config/flags.ts'
import { FlagSource } from '../../../src/control/flags/sources.ts'

const PATIENCE = { timeout: 10_000, interval: 50 }

function definitions(...keys: readonly string[]): string {
  const flag = { state: 'ENABLED', variants: { on: true }, defaultVariant: 'on' }
  return JSON.stringify({ flags: Object.fromEntries(keys.map((key) => [key, flag])) })
}

function open(config: FlagdConfig, before: FlagSource | null = null) {
  const said: string[] = []
  let changeCount = 0
  const say = (message: string) => void said.push(message)
  const source = new FlagSource({
    name: 'team',
    config,
    before,
    nowMs: () => 5,
    lookMs: 20,
    log: { info: say, warn: say, error: say },
    onChange: () => void changeCount++,
  })
  onTestFinished(() => source.close())
  return { source, said, changes: () => changeCount }
}

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'sluice-definitions-'))
  onTestFinished(() => rmSync(path, { recursive: true }))
  return path
}

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener)
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  onTestFinished(
    () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  )
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/team.json?secret=1`
}

test('a file counts at once, and anew where a link leads to another', async () => {
  const path = folder()
  writeFileSync(join(path, 'a.json'), definitions('a'))
  writeFileSync(join(path, 'b.json'), definitions('a', 'b'))
  const file = join(path, 'team.json')
  symlinkSync('a.json', file)
  const { source, changes } = open({ kind: 'file', file })
  expect(source.flags.keys).toEqual(['a'])
  expect(source.state).toMatchObject({ flagCount: 1, loadedAtMs: 5, fault: null })
  symlinkSync('b.json', `${file}.new`)
  renameSync(`${file}.new`, file)
  await vi.waitFor(() => expect(source.flags.keys).toEqual(['a', 'b']), PATIENCE)
  expect(changes()).toBe(1)
})

test.for([
  ['is gone', (file: string) => rmSync(file), 'there is no such file'],
  ['is no JSON', (file: string) => writeFileSync(file, '{'), 'JSON'],
  [
    'has a wrong flag',
    (file: string) => writeFileSync(file, '{"flags":{"a":{"state":"ON","variants":{}}}}'),
    'state',
  ],
  [
    'is too large',
    (file: string) => writeFileSync(file, ' '.repeat(DEFINITIONS_BYTES + 1)),
    'is larger than',
  ],
] as const)(
  'a file that %s leaves the last good definitions, and is told of once',
  async ([, spoil, why]) => {
    const file = join(folder(), 'team.json')
    writeFileSync(file, definitions('a'))
    const { source, said, changes } = open({ kind: 'file', file })
    spoil(file)
    await vi.waitFor(() => expect(source.state.fault).toContain(why), PATIENCE)
    expect(source.flags.keys).toEqual(['a'])
    expect(said.filter((line) => line.includes('the last good ones stay in force'))).toHaveLength(1)
    expect(source.state.failureCount).toBe(1)
    writeFileSync(file, definitions('a', 'b'))
    await vi.waitFor(() => expect(source.state.fault).toBeNull(), PATIENCE)
    expect(source.flags.keys).toEqual(['a', 'b'])
    expect(changes()).toBe(1)
  },
)

test('a file that was never there leaves no flags, and says so', () => {
  const { source, said } = open({ kind: 'file', file: join(folder(), 'none.json') })
  expect(source.flags.keys).toEqual([])
  expect(said).toEqual([expect.stringContaining('there are none yet')])
})

test('a flag whose targeting cannot be evaluated is warned of, and the others count', async () => {
  const targeting = { toss: [] }
  const flag = { state: 'ENABLED', variants: { on: true }, defaultVariant: 'on' }
  const text = JSON.stringify({ flags: { a: flag, b: { ...flag, targeting } } })
  const { source, said } = open({ kind: 'inline', definitions: text })
  expect(source.state).toMatchObject({ flagCount: 2, fault: null })
  await vi.waitFor(() => expect(source.state.unsound).toEqual(['b']), PATIENCE)
  expect(said.at(-1)).toContain('Flag "b" of "team" cannot be evaluated')
})

test('an address is asked with its ETag, and what has not changed is not sent again', async () => {
  let etag = '"1"'
  let body = definitions('a')
  const asked: (string | undefined)[] = []
  const url = await serve((request, response) => {
    asked.push(request.headers['if-none-match'])
    const isKnown = request.headers['if-none-match'] === etag
    response.writeHead(isKnown ? 304 : 200, { etag }).end(isKnown ? undefined : body)
  })
  const { source, changes } = open({ kind: 'url', url, intervalMs: 50 })
  await source.ready
  expect(source.flags.keys).toEqual(['a'])
  await vi.waitFor(() => expect(asked.slice(0, 3)).toEqual([undefined, '"1"', '"1"']), PATIENCE)
  body = definitions('b')
  etag = '"2"'
  await vi.waitFor(() => expect(source.flags.keys).toEqual(['b']), PATIENCE)
  expect(changes()).toBe(2)
})

test.for([
  ['fails', 500, '', 'answered 500'],
  ['leads elsewhere', 302, '', 'answered 302'],
  ['never ends', 200, ' '.repeat(DEFINITIONS_BYTES + 1), 'is larger than'],
  ['breaks', -1, '', 'SOCKET'],
] as const)(
  'an address that %s leaves the last good definitions until it is well again',
  async ([, status, spoilt, why]) => {
    let isWell = true
    const url = await serve((request, response) => {
      if (isWell) {
        const isKnown = request.headers['if-none-match'] === '"1"'
        response.writeHead(isKnown ? 304 : 200, { etag: '"1"' })
        response.end(isKnown ? undefined : definitions('a'))
      } else if (status < 0) request.socket.destroy()
      else response.writeHead(status, { location: '/' }).end(spoilt)
    })
    const { source, said } = open({ kind: 'url', url, intervalMs: 50 })
    await source.ready
    isWell = false
    await vi.waitFor(() => expect(source.state.fault).toContain(why), PATIENCE)
    expect(source.flags.keys).toEqual(['a'])
    isWell = true
    await vi.waitFor(() => expect(source.state.fault).toBeNull(), PATIENCE)
    expect(said.join()).not.toContain('secret')
  },
)

test('a source that takes the place of another gives its definitions until it has its own', async () => {
  const first = open({ kind: 'inline', definitions: definitions('a') })
  let answer: (() => void) | null = null
  const url = await serve((_, response) => {
    answer = () => void response.end(definitions('b'))
  })
  const { source } = open({ kind: 'url', url, intervalMs: 60_000 }, first.source)
  await vi.waitFor(() => expect(answer).not.toBeNull(), PATIENCE)
  expect(source.flags.keys).toEqual(['a'])
  answer!()
  await source.ready
  expect(source.flags.keys).toEqual(['b'])
})
