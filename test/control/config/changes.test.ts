import { expect, test } from 'vitest'
import { structuralChanges } from '../../../src/control/config/changes.ts'
import { configOf, sample } from './sample.ts'

const old = configOf(sample({ rest: 'control: { port: 9090 }' }))

test('what a running process can take needs no restart', () => {
  const next = configOf(
    sample({
      proxy: `proxy:
  listeners: [{ name: other, host: 127.0.0.1, port: 8081 }]
  trustedProxies: [10.0.0.0/8]
  limits: { head: 8KiB }
  timeouts: { idle: 5s }
  drainTimeout: 1s`,
      upstreams: "upstreams: { b: { endpoints: ['http://127.0.0.1:9002'] } }",
      routes: 'routes: [{ name: other, stable: b }]',
      rest: `control: { tokens: [{ name: ci, role: admin, sha256: ${'a'.repeat(64)} }] }`,
    }),
  )
  expect(structuralChanges(old, next)).toEqual([])
})

test('what is made once at the start is named with both values', () => {
  const next = configOf(
    sample({
      proxy: `proxy:
  threads: ${old.proxy.threads + 1}
  listeners:
    - { name: public, host: 127.0.0.1, port: 8081 }
    - { name: six, host: ::1, port: 8080 }`,
      rest: 'control: { host: ::1, port: 9191 }\nstore: { path: /var/other.db }',
    }),
  )
  const end = 'restart to use it, until then the old one stays'
  expect(structuralChanges(old, next)).toEqual([
    `proxy.threads changed from ${old.proxy.threads} to ${old.proxy.threads + 1}; ${end}`,
    `the address of the admin API changed from 127.0.0.1:9090 to [::1]:9191; ${end}`,
    `store.path changed from /etc/sluice/sluice.db to /var/other.db; ${end}`,
  ])
})
