import { stripVTControlCharacters } from 'node:util'
import { beforeEach, expect, test, vi } from 'vitest'
import { aborted, event, type FakeAdmin, fakeAdmin, rollout, route } from './fake-admin.ts'
import { sluice, start } from './harness.ts'

let admin: FakeAdmin
let env: { SLUICE_SERVER: string }

const quiet = (name: string) => {
  const { canary: _, ...variants } = route().variants
  return route({ name, canary: null, rollout: null, weight: 0, variants })
}

beforeEach(async () => {
  admin = await fakeAdmin()
  env = { SLUICE_SERVER: admin.url }
  admin.routes = [route(), quiet('blog')]
  admin.rollouts = [rollout()]
  admin.events = [event(), event({ seq: 2, reason: 'Step 2 began' })]
})

test('status lists every route with both variants', async () => {
  const { code, stdout } = await sluice(['status'], { env })
  expect(code).toBe(0)
  expect(stdout).toBe(
    'ROUTE  PHASE        STEP         VERDICT  VARIANT  UPSTREAM  WEIGHT  REQUESTS  ERRORS    P95\n' +
      'shop   progressing  2/4 wait 2m  pass     stable   shop-v1     95 %     3,800   0.5 %  2.1ms\n' +
      '                                          canary   shop-v2      5 %         0       -      -\n' +
      'blog   -            -            -        stable   shop-v1    100 %     3,800   0.5 %  2.1ms\n',
  )
})

test('status of a route tells what holds the rollout and why', async () => {
  const { stdout } = await sluice(['status', 'shop'], { env })
  const told = stdout.replaceAll(/\d\d:\d\d:\d\d( \([^)]*\))?/g, 'hh:mm:ss')
  await expect(told).toMatchFileSnapshot('status-of-a-route.txt')
})

test('status of a route without a rollout is short', async () => {
  const { stdout } = await sluice(['status', 'blog', '--window', '10s'], { env })
  expect(stdout).toBe(
    'blog  all traffic to shop-v1; no rollout so far\n\n' +
      '  LAST 10S  UPSTREAM  WEIGHT  REQUESTS  ERRORS    P50    P95    P99\n' +
      '  stable    shop-v1    100 %     3,800   0.5 %  1.1ms  2.1ms  310ms\n',
  )
})

test('a rollout that has ended tells its reason', async () => {
  admin.rollouts = [aborted()]
  const { stdout } = await sluice(['status', 'shop'], { env })
  expect(stdout).toContain('all traffic to shop-v1; shop-3 is aborted\n')
  expect(stdout).toContain('  reason    error_rate<1% fails: 31 % of 42 requests failed\n')
  expect(stdout).not.toContain('holding')
})

test('the running rollout is shown, not a newer one that has ended', async () => {
  admin.rollouts = [aborted({ id: 'shop-4' }), rollout()]
  expect((await sluice(['status', 'shop'], { env })).stdout).toContain('shop-3, shop-v1 to shop-v2')
})

test('in JSON routes and rollouts come whole', async () => {
  const all = await sluice(['status', '-o', 'json'], { env })
  expect(JSON.parse(all.stdout)).toEqual({
    routes: [
      { route: admin.routes[0], rollout: admin.rollouts[0] },
      { route: admin.routes[1], rollout: null },
    ],
  })
  const one = await sluice(['status', 'shop', '-o', 'json'], { env })
  expect(JSON.parse(one.stdout)).toEqual({
    route: admin.routes[0],
    rollout: admin.rollouts[0],
    events: admin.events,
  })
})

test('a route that is not there ends with 1', async () => {
  expect((await sluice(['status', 'shopp'], { env })).code).toBe(1)
})

test('--watch appends plain lines where there is no terminal, until the rollout has ended', async () => {
  const watching = start(['status', 'shop', '--watch'], { env })
  await vi.waitFor(() =>
    expect(watching.stdout()).toContain('shop-3 progressing 2/4 wait 2m  pass'),
  )
  admin.rollouts = [aborted()]
  const { code, stdout } = await watching.ended
  expect(code).toBe(0)
  expect(stdout).toBe(stripVTControlCharacters(stdout))
  expect(stdout.trim().split('\n')).toHaveLength(2)
})

test('--watch draws in place on a terminal, and leaves the last picture and the cursor', async () => {
  const watching = start(['status', 'shop', '--watch'], { env, isTty: true })
  await vi.waitFor(() => expect(watching.stdout()).toContain('progressing'))
  admin.rollouts = [aborted()]
  const { code, stdout } = await watching.ended
  expect(code).toBe(0)
  expect(stdout.startsWith('\x1b[?25l')).toBe(true)
  expect(stdout).toContain('A\r\x1b[J')
  expect(stdout.endsWith('\x1b[?25h')).toBe(true)
})

test('NO_COLOR takes every escape code, on a terminal too', async () => {
  const { stdout } = await sluice(['status', 'shop'], {
    env: { ...env, NO_COLOR: '1' },
    isTty: true,
  })
  expect(stdout).toBe(stripVTControlCharacters(stdout))
  const coloured = await sluice(['status', 'shop'], { env, isTty: true })
  expect(coloured.stdout).not.toBe(stripVTControlCharacters(coloured.stdout))
})

test('--watch of all routes goes on until it is interrupted', async () => {
  admin.rollouts = [aborted()]
  const watching = start(['status', '--watch', '-o', 'json'], { env })
  await vi.waitFor(() => expect(watching.stdout()).toContain('}\n'))
  watching.interrupt()
  const { code, stdout } = await watching.ended
  expect(code).toBe(130)
  expect(JSON.parse(stdout.split('\n')[0] ?? '')).toHaveProperty('routes')
})
