import { expect, test } from 'vitest'
import { serve } from './serve.ts'

test('the process is live whatever else is wrong', async () => {
  const { ask } = await serve({ ready: () => ({ ok: false, reasons: ['the store is away'] }) })
  const { status, headers, json } = await ask('GET', '/livez')
  expect([status, headers['cache-control'], json]).toEqual([200, 'no-store', { live: true }])
})

test('readiness says why not', async () => {
  const reasons = ['1 of 2 proxy threads has no snapshot yet']
  let ok = false
  const { ask } = await serve({ ready: () => ({ ok, reasons: ok ? [] : reasons }) })
  const before = await ask('GET', '/readyz')
  expect([before.status, before.json]).toEqual([503, { ready: false, reasons }])
  ok = true
  const after = await ask('GET', '/readyz')
  expect([after.status, after.json]).toEqual([200, { ready: true, reasons: [] }])
})

test('metrics keep the content type that Prometheus reads the version from', async () => {
  const { ask } = await serve()
  const { headers, text } = await ask('GET', '/metrics')
  expect(headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8')
  expect(text).toBe('sluice_up 1\n')
})
