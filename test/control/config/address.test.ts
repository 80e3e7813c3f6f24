import { expect, test } from 'vitest'
import { collide, isLoopback } from '../../../src/control/config/address.ts'

test.for([
  ['127.0.0.1', true],
  ['127.255.0.9', true],
  ['localhost', true],
  ['::1', true],
  ['0:0:0:0:0:0:0:1', true],
  ['::ffff:127.0.0.1', true],
  ['0.0.0.0', false],
  ['::', false],
  ['10.0.0.1', false],
  ['::ffff:10.0.0.1', false],
  ['localhost.example.com', false],
  ['127.example.com', false],
] as const)('%s is loopback: %s', ([host, expected]) => {
  expect(isLoopback(host)).toBe(expected)
})

test.for([
  { a: '127.0.0.1', b: '127.0.0.1', expected: true },
  { a: '127.0.0.1', b: '0.0.0.0', expected: true },
  { a: '::', b: '10.0.0.1', expected: true },
  { a: '::1', b: '0:0::1', expected: true },
  { a: 'localhost', b: '::1', expected: true },
  { a: '0.0.0.0', b: 'shop.internal', expected: true },
  { a: '0.0.0.0', b: '::1', expected: false },
  { a: '127.0.0.1', b: '127.0.0.2', expected: false },
  { a: '127.0.0.1', b: '::1', expected: false },
])('$a and $b on one port collide: $expected', ({ a, b, expected }) => {
  expect(collide({ host: a, port: 80 }, { host: b, port: 80 })).toBe(expected)
  expect(collide({ host: b, port: 80 }, { host: a, port: 80 })).toBe(expected)
  expect(collide({ host: a, port: 80 }, { host: b, port: 81 })).toBe(false)
  expect(collide({ host: a, port: 0 }, { host: b, port: 0 })).toBe(false)
})
