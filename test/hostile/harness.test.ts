/** That the harness itself can be trusted: it reads what Node writes, and fails where it knows nothing. */

import { once } from 'node:events'
import { createServer } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { connectClient } from '../proxy/exchange/client.ts'
import { expectAssertions } from './assertions.ts'
import { expand, type HostileCase, readCases } from './cases.ts'
import { Answers, END_STREAM, FrameReader, headers } from './frames.ts'
import { get, pseudo } from './http2/build.ts'
import { OWN_HTTP2_CASES } from './http2/cases.ts'
import type { Outcome } from './outcome.ts'

const CASE: HostileCase = {
  name: 'one',
  side: 'client-h1',
  category: 'framing',
  tier: 'must',
  raw: '',
  expect: '400',
}

test('what Node answers over HTTP/2 is read, in Huffman code and from the dynamic table', async () => {
  const visible = Array.from({ length: 94 }, (_, index) => String.fromCharCode(0x21 + index))
  const value = visible.join('').replace('\\', '').repeat(3)
  const server = createServer((request, response) => {
    response.writeHead(request.url === '/' ? 200 : 418, { 'x-a': value })
    response.end('body')
  })
  onTestFinished(() => void server.close())
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = await connectClient((server.address() as AddressInfo).port)
  client.send(get() + headers(3, pseudo({ ':path': '/other' }), END_STREAM))
  const frames = new FrameReader()
  const answers = new Answers()
  while (answers.streams.get(3)?.isEnded !== true) {
    for (const one of frames.read(await client.reader.take(1))) answers.add(one)
  }
  client.socket.destroy()
  for (const [stream, status] of [
    [1, '200'],
    [3, '418'],
  ] as const) {
    const { heads, body } = answers.streams.get(stream)!
    expect(heads[0]).toContainEqual([':status', status])
    expect(heads[0]).toContainEqual(['x-a', value])
    expect(body).toBe('body')
  }
})

test('an assertion that nobody knows fails', () => {
  const one = { ...CASE, assert: { upstreamIsHappy: true } } as HostileCase
  expect(() => expectAssertions(one, {} as Outcome)).toThrow('upstreamIsHappy')
})

test('repetitions are expanded from the inside out, and floods go from stream to stream', () => {
  const raw = String.raw`{{repeat:a{{repeat:b:2}}\r\n:2}}c`
  expect(expand({ ...CASE, raw, expand: true }).bytes.toString()).toBe('abb\r\nabb\r\nc')
  const repeatUnit = '\0\0\u0001\0\0\0\0\0\u0001x'
  const flood = { ...CASE, repeatUnit, repeat: 2, streamIdStep: 2 }
  expect(expand(flood).bytes.toString('latin1')).toBe(`${repeatUnit}\0\0\u0001\0\0\0\0\0\u0003x`)
})

test('every case has a name of its own', () => {
  const cases = [...readCases('cases.json'), ...readCases('own-cases.json'), ...OWN_HTTP2_CASES]
  const names = cases.map(({ name }) => name)
  expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([])
  expect(names.length).toBeGreaterThan(800)
})
