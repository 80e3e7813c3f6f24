import { once } from 'node:events'
import { createServer } from 'node:http'
import { expect, onTestFinished, test } from 'vitest'
import { Ledger } from '../../../../src/control/cli/demo/ledger.ts'
import { type Answer, startLoad } from '../../../../src/control/cli/demo/load.ts'
import { bar, panelLines, pictureLine } from '../../../../src/control/cli/demo/panel.ts'
import { freePorts, Services } from '../../../../src/control/cli/demo/services.ts'
import { plain } from '../../../../src/control/cli/paint.ts'
import { createShop } from '../../../../examples/shop/server.ts'
import { rollout, route } from '../fake-admin.ts'

const answer = (change: Partial<Answer>): Answer => ({
  user: 1,
  version: 'v1',
  status: 200,
  startedAtMs: 0,
  endedAtMs: 1,
  ...change,
})

test('a ledger counts errors, the canary, and users who were sent back', () => {
  const ledger = new Ledger('v2')
  expect(ledger.firstCanaryAtMs).toBeNull()
  ledger.add(answer({ user: 1 }))
  ledger.add(answer({ user: 2, version: 'v2', status: 500, startedAtMs: 20, endedAtMs: 30 }))
  ledger.add(answer({ user: 3, version: 'v2', startedAtMs: 10, endedAtMs: 40 }))
  // Sent before the canary had answered this user: not sent back.
  ledger.add(answer({ user: 2, startedAtMs: 25, endedAtMs: 50 }))
  ledger.add(answer({ user: 2, version: null, status: 0, startedAtMs: 60 }))
  expect(ledger.flapCount).toBe(0)
  ledger.add(answer({ user: 2, startedAtMs: 60 }))
  ledger.add(answer({ user: 2, startedAtMs: 70 }))
  expect(ledger.all).toEqual({ requestCount: 7, errorCount: 2 })
  expect(ledger.of('v1')).toEqual({ requestCount: 4, errorCount: 0 })
  expect(ledger.of('v3')).toEqual({ requestCount: 0, errorCount: 0 })
  expect(ledger.canary).toEqual({ requestCount: 2, errorCount: 1 })
  expect(ledger.firstCanaryAtMs).toBe(10)
  expect(ledger.flapCount).toBe(1)
})

test('the load keeps its rate, with a session for each user', async () => {
  const shop = createShop({ version: 'v1' })
  const sessions = new Set<string>()
  shop.on('request', (request) => sessions.add(request.headers.cookie ?? ''))
  await once(shop.listen(0, '127.0.0.1'), 'listening')
  onTestFinished(() => void shop.close())
  const address = shop.address()
  const port = typeof address === 'object' ? address?.port : 0

  const answers: Answer[] = []
  const startMs = performance.now()
  const load = startLoad({
    origin: `http://127.0.0.1:${port}`,
    ratePerSecond: 300,
    userCount: 20,
    onAnswer: (one) => void answers.push(one),
  })
  await expect.poll(() => answers.length, { interval: 5, timeout: 10_000 }).toBeGreaterThan(300)
  const dueCount = ((performance.now() - startMs) / 1_000) * 300
  expect(load.sentCount / dueCount).toBeGreaterThan(0.9)
  expect(load.sentCount / dueCount).toBeLessThan(1.01)
  await load.stop()
  expect(sessions.size).toBe(20)
  expect(answers.every(({ status, version }) => status === 200 && version === 'v1')).toBe(true)
  expect(load.sentCount).toBe(answers.length)
})

test('no answer is an error and no reason to stop', async () => {
  const server = createServer((request) => void request.socket.destroy())
  await once(server.listen(0, '127.0.0.1'), 'listening')
  onTestFinished(() => void server.close())
  const address = server.address()
  const answers: Answer[] = []
  const load = startLoad({
    origin: `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`,
    ratePerSecond: 100,
    userCount: 1,
    onAnswer: (one) => void answers.push(one),
  })
  await expect.poll(() => answers.length).toBeGreaterThan(2)
  await load.stop()
  expect(answers[0]).toMatchObject({ user: 0, version: null, status: 0 })
})

test.for([
  [0, ''],
  [0.001, '█'],
  [0.5, '█████'],
  [0.999, '█████████'],
  [1, '██████████'],
] as const)('a bar of %d is "%s" of ten', ([ratio, full]) => {
  expect(bar(ratio, 10)).toEqual({ full, empty: '░'.repeat(10 - full.length) })
})

test('the panel shows both variants, the rollout, the guard and the users', async () => {
  const picture = {
    route: route(),
    rollout: rollout(),
    users: {
      all: { requestCount: 4_000, errorCount: 3 },
      of: (version: string) =>
        version === 'shop-v2'
          ? { requestCount: 200, errorCount: 3 }
          : { requestCount: 3_800, errorCount: 0 },
    },
    ratePerSecond: 400,
    nowMs: Date.parse('2026-11-21T10:01:58.000Z'),
  }
  await expect(
    `${panelLines(picture, plain).join('\n')}\n${pictureLine(picture)}\n`,
  ).toMatchFileSnapshot('panel.txt')
  const { canary: _, ...variants } = route().variants
  const quiet = { ...picture, route: route({ variants, canary: null }), rollout: null }
  expect(panelLines(quiet, plain)).toHaveLength(panelLines(picture, plain).length)
})

const PRINTS = "console.log('starting'); console.log('ready on 7'); setInterval(() => {}, 1000)"

test('services start, tell a line, and are all gone after close', async () => {
  const services = new Services()
  const ready = [1, 2].map(async (n) =>
    services.start({ name: `s${n}`, args: ['-e', PRINTS] }).line(/^ready on (\d)$/),
  )
  expect((await Promise.all(ready)).map((match) => match[1])).toEqual(['7', '7'])
  await services.close()
  expect(services.failed.aborted).toBe(false)
})

test('a service that ends by itself is told with its last words', async () => {
  const services = new Services()
  onTestFinished(() => services.close())
  const dying = services.start({ name: 'shop', args: ['-e', "throw new Error('no room')"] })
  await expect(dying.line(/never/)).rejects.toMatchObject({
    message: "the demo's shop ended by itself (exit code 1)",
    details: expect.arrayContaining([expect.stringContaining('no room')]),
  })
  expect(services.failed.aborted).toBe(true)
})

test('a service that does not heed SIGTERM is killed', async () => {
  const services = new Services({ endLimitMs: 200 })
  const stubborn = services.start({
    name: 'stubborn',
    args: ['-e', `process.on('SIGTERM', () => {}); ${PRINTS}`],
  })
  await stubborn.line(/ready/)
  await services.close()
  expect(services.failed.aborted).toBe(false)
})

test('free ports are different', async () => {
  const ports = await freePorts(4)
  expect(new Set(ports).size).toBe(4)
})
