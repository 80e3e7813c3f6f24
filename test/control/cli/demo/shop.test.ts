import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect, onTestFinished, test } from 'vitest'
import { request } from 'undici'
import { createShop, type ShopOptions } from '../../../../examples/shop/server.ts'

async function open(options: ShopOptions): Promise<string> {
  const shop = createShop(options)
  await once(shop.listen(0, '127.0.0.1'), 'listening')
  onTestFinished(() => {
    shop.closeAllConnections()
    shop.close()
  })
  const address = shop.address()
  return `http://127.0.0.1:${typeof address === 'object' ? address?.port : address}`
}

async function ask(origin: string, method: 'GET' | 'PUT' | 'POST', path: string, body?: string) {
  const response = await request(origin + path, { method, body: body ?? null })
  return {
    status: response.statusCode,
    version: response.headers['x-shop-version'],
    body: await response.body.json(),
  }
}

test.for([
  ['GET', '/', 200, { version: 'v7', shop: 'open' }],
  ['GET', '/?q=1', 200, { version: 'v7', shop: 'open' }],
  ['GET', '/checkout', 200, { version: 'v7', order: 1 }],
  ['POST', '/checkout', 200, { version: 'v7', order: 1 }],
  ['GET', '/healthz', 200, { version: 'v7', healthy: true }],
  ['GET', '/_fault', 200, { version: 'v7', failRatio: 0, delayMs: 0, failedCount: 0 }],
  ['GET', '/cellar', 404, { version: 'v7', error: 'there is no /cellar here' }],
  ['POST', '/healthz', 404, { version: 'v7', error: 'there is no /healthz here' }],
] as const)('%s %s answers %d', async ([method, path, status, body]) => {
  const origin = await open({ version: 'v7' })
  expect(await ask(origin, method, path)).toEqual({ status, version: 'v7', body })
})

test('a fault strikes customers and leaves the health check alone', async () => {
  const draws = [0.29, 0.3, 0.31]
  const origin = await open({ version: 'v2', random: () => draws.shift() ?? 0 })
  const put = await ask(origin, 'PUT', '/_fault', '{"failRatio":0.3}')
  expect(put.body).toEqual({ version: 'v2', failRatio: 0.3, delayMs: 0 })
  const statuses = []
  for (const path of ['/', '/', '/', '/healthz', '/_fault']) {
    statuses.push((await ask(origin, 'GET', path)).status)
  }
  expect(statuses).toEqual([500, 200, 200, 200, 200])
})

test('slowness is a fault too', async () => {
  const origin = await open({ version: 'v2', fault: { failRatio: 0, delayMs: 60 } })
  const startMs = performance.now()
  await ask(origin, 'GET', '/')
  expect(performance.now() - startMs).toBeGreaterThan(50)
})

test.for([
  '',
  'no',
  '{"failRatio":2}',
  '{"failRatio":"1"}',
  '{"delayMs":-1}',
  `"${'x'.repeat(2_000)}"`,
])('the fault %j is refused and changes nothing', async (body) => {
  const origin = await open({ version: 'v1', fault: { failRatio: 0.5, delayMs: 1 } })
  expect((await ask(origin, 'PUT', '/_fault', body)).status).toBe(400)
  expect((await ask(origin, 'GET', '/_fault')).body).toMatchObject({ failRatio: 0.5, delayMs: 1 })
})

test('as a process it tells its address, and ends on SIGTERM with 0', async () => {
  const args = ['examples/shop/server.ts', '--port', '0', '--version', 'v3', '--fail-ratio', '1']
  const shop = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  onTestFinished(() => void shop.kill('SIGKILL'))
  const [line] = await once(shop.stdout.setEncoding('utf8'), 'data')
  const origin = /^listening on (http:\/\/127\.0\.0\.1:\d+)\n$/.exec(String(line))?.[1] ?? ''
  expect(await ask(origin, 'GET', '/')).toMatchObject({ status: 500, version: 'v3' })
  shop.kill('SIGTERM')
  expect(await once(shop, 'close')).toEqual([0, null])
})
