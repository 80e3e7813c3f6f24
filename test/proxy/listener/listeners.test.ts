/** What is compiled of listeners, and what of it is made anew. */

import { expect, test } from 'vitest'
import { ListenerCompiler } from '../../../src/proxy/listener/listeners.ts'
import { certificateChoice } from '../../../src/proxy/listener/tls.ts'
import { LISTENER } from '../exchange/proxy.ts'
import { A_EXAMPLE, B_EXAMPLE, BOTH, TLS } from './house.ts'

test('listeners keep their order', () => {
  const [plain, secure] = new ListenerCompiler().compile([
    { ...LISTENER, name: 'plain' },
    { ...LISTENER, name: 'secure', protocols: BOTH, tls: TLS, proxyProtocol: true },
  ])
  expect(plain).toMatchObject({ tls: null, proxyProtocol: false })
  expect(secure).toMatchObject({ protocols: BOTH, proxyProtocol: true })
  expect(secure!.tls).not.toBe(null)
})

test('what stays the same is not made anew', () => {
  const compiler = new ListenerCompiler()
  const compile = (tls: typeof TLS) =>
    compiler.compile([{ ...LISTENER, tls: structuredClone(tls) }])[0]!.tls
  const first = compile(TLS)
  expect(compile(TLS)).toBe(first)
  const second = compile({ ...TLS, certificates: [B_EXAMPLE] })
  expect(second).not.toBe(first)
  expect(compile(TLS)).not.toBe(second)
})

test('a certificate is chosen by name, then by wildcard, then by place', () => {
  const choose = certificateChoice([
    { names: ['default.example'], value: 0 },
    { names: ['*.b.example'], value: 1 },
    { names: ['x.b.example', '*.b.example'], value: 2 },
    { names: ['x.b.example'], value: 3 },
  ])
  const names = [
    'x.b.example',
    'y.b.example',
    'Y.B.Example',
    'z.y.b.example',
    'b.example',
    '',
    'com',
  ]
  expect(names.map(choose)).toEqual([2, 1, 1, 0, 0, 0, 0])
  expect(A_EXAMPLE.names).toContain('a.example')
})
