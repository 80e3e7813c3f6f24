/** What may stand in `healthCheck`, what it becomes, and what is said of what may not. */

import { expect, test } from 'vitest'
import { configOf, faultLines, sample } from './sample.ts'

function withCheck(check: string): string {
  return sample({
    upstreams: `upstreams:\n  a:\n    endpoints: ['http://127.0.0.1:9001']\n    healthCheck: ${check}`,
  })
}

function checkOf(check: string) {
  return configOf(withCheck(check)).upstreams.get('a')?.healthCheck
}

const TWO_HUNDREDS = Array.from({ length: 100 }, (_, i) => 200 + i)
const DEFAULTS = { intervalMs: 2_000, timeoutMs: 1_000, healthyAfter: 2, unhealthyAfter: 3 }

test('without a health check nobody is asked', () => {
  expect(configOf(sample()).upstreams.get('a')?.healthCheck).toBeNull()
})

test.for([
  [
    '{}',
    {
      ...DEFAULTS,
      port: null,
      question: {
        protocol: 'http',
        path: '/',
        host: null,
        expectedStatuses: new Set(TWO_HUNDREDS),
      },
    },
  ],
  [
    '{ path: /healthz?deep=1, host: shop.example.com, expectedStatuses: [200, 404], port: 9100, interval: 500ms, timeout: 250ms, healthyAfter: 1, unhealthyAfter: 5 }',
    {
      question: {
        protocol: 'http',
        path: '/healthz?deep=1',
        host: 'shop.example.com',
        expectedStatuses: new Set([200, 404]),
      },
      intervalMs: 500,
      timeoutMs: 250,
      healthyAfter: 1,
      unhealthyAfter: 5,
      port: 9100,
    },
  ],
  ['{ protocol: tcp }', { ...DEFAULTS, port: null, question: { protocol: 'tcp' } }],
  [
    '{ protocol: grpc, service: shop.v1.Orders }',
    { ...DEFAULTS, port: null, question: { protocol: 'grpc', service: 'shop.v1.Orders' } },
  ],
] as const)('%s', ([text, expected]) => {
  expect(checkOf(text)).toEqual(expected)
})

const PLACE = 'upstreams.a.healthCheck'

test.for([
  ['{ protokol: tcp }', `f:6:20 ${PLACE}: unknown key "protokol"; did you mean "protocol"?`],
  ['{ protocol: htp }', `f:6:30 ${PLACE}.protocol: "htp" is not possible; did you mean "http"?`],
  ['{ path: healthz }', `f:6:26 ${PLACE}.path: "healthz" does not begin with "/"`],
  [
    '{ path: /a b }',
    `f:6:26 ${PLACE}.path: "/a b" has characters that no request has; percent-encode them`,
  ],
  ['{ interval: 10ms }', `f:6:30 ${PLACE}.interval: 10ms is outside 250ms to 1h`],
  ['{ interval: 1s, timeout: 2s }', `f:6:43 ${PLACE}.timeout: is longer than the interval`],
  [
    '{ protocol: tcp, path: /healthz }',
    `f:6:41 ${PLACE}.path: is for protocol http alone, and the protocol is tcp`,
  ],
  [
    '{ service: shop }',
    `f:6:29 ${PLACE}.service: is for protocol grpc alone, and the protocol is http`,
  ],
  [
    '{ expectedStatuses: [ok] }',
    `f:6:39 ${PLACE}.expectedStatuses[0]: "ok" is not a status; write one from 100 to 599, or a class such as 5xx`,
  ],
  ['{ host: "a b" }', `f:6:26 ${PLACE}.host: "a b" is not a host, such as shop.example.com`],
  ['{ port: 0 }', `f:6:26 ${PLACE}.port: 0 is outside 1 to 65535`],
  ['{ unhealthyAfter: 0 }', `f:6:36 ${PLACE}.unhealthyAfter: 0 is outside 1 to 100`],
] as const)('%s is refused', ([text, fault]) => {
  expect(faultLines(withCheck(text))).toEqual([fault])
})
