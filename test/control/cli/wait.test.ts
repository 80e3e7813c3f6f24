import { beforeEach, expect, test, vi } from 'vitest'
import { aborted, type FakeAdmin, fakeAdmin, rollout } from './fake-admin.ts'
import { sluice, start } from './harness.ts'

let admin: FakeAdmin
let env: { SLUICE_SERVER: string }

beforeEach(async () => {
  admin = await fakeAdmin()
  env = { SLUICE_SERVER: admin.url }
})

test.for([
  { goal: 'promoted', phase: 'promoted', code: 0 },
  { goal: 'promoted', phase: 'aborted', code: 5 },
  { goal: 'promoted', phase: 'rolledBack', code: 5 },
  { goal: 'promoted', phase: 'superseded', code: 5 },
  { goal: 'aborted', phase: 'aborted', code: 0 },
  { goal: 'aborted', phase: 'rolledBack', code: 0 },
  { goal: 'aborted', phase: 'superseded', code: 5 },
  { goal: 'aborted', phase: 'promoted', code: 1 },
  { goal: 'paused', phase: 'paused', code: 0 },
  { goal: 'paused', phase: 'aborted', code: 5 },
  { goal: 'paused', phase: 'promoted', code: 1 },
  { goal: 'ended', phase: 'promoted', code: 0 },
  { goal: 'ended', phase: 'superseded', code: 0 },
  { goal: 'step=2', phase: 'progressing', code: 0 },
  { goal: 'step=4', phase: 'promoted', code: 0 },
  { goal: 'step=4', phase: 'aborted', code: 5 },
] as const)('waiting for $goal, $phase ends with $code', async ({ goal, phase, code }) => {
  admin.rollouts = [rollout({ phase })]
  const ended = await sluice(['wait', 'shop', '--for', goal], { env })
  expect(ended.code).toBe(code)
  expect(ended.stdout).toMatch(/^ROLLOUT .*\nshop-3 /)
})

test('a wait ends at the moment of the promotion, by the stream', async () => {
  admin.rollouts = [rollout()]
  const waiting = start(['wait', 'shop', '--timeout', '20s', '-o', 'json'], { env })
  await vi.waitFor(() =>
    expect(waiting.stderr()).toContain('shop-3 progressing at 5 %, step 2 of 4: wait 2m'),
  )
  await vi.waitFor(() => expect(admin.asked.some(({ path }) => path.includes('stream'))).toBe(true))
  admin.move({ weight: 25, step: { index: 3, count: 4, type: 'pause', description: 'wait 2m' } })
  await vi.waitFor(() => expect(waiting.stderr()).toContain('progressing at 25 %, step 4 of 4'))
  admin.move({ phase: 'promoted', weight: 100, holding: null, reason: 'All steps are done' })
  const { code, stdout, stderr } = await waiting.ended
  expect(code).toBe(0)
  expect(JSON.parse(stdout)).toMatchObject({ id: 'shop-3', phase: 'promoted' })
  expect(stderr.trimEnd().split('\n').at(-1)).toMatch(
    /^\d\d:\d\d:\d\d {2}shop-3 promoted at 100 %: All steps are done$/,
  )
})

test('without a stream the rollout is asked for again and again', async () => {
  admin.hasStream = false
  admin.rollouts = [rollout()]
  const waiting = start(['wait', 'shop'], { env })
  await vi.waitFor(() => expect(waiting.stderr()).toContain('progressing'))
  admin.rollouts = [aborted()]
  expect((await waiting.ended).code).toBe(5)
})

test('a wait stays with the rollout that it began with', async () => {
  admin.hasStream = false
  admin.rollouts = [rollout()]
  const waiting = start(['wait', 'shop', '--for', 'ended'], { env })
  await vi.waitFor(() => expect(waiting.stderr()).toContain('shop-3'))
  admin.rollouts = [rollout({ id: 'shop-4' }), rollout({ phase: 'superseded' })]
  const { code, stdout } = await waiting.ended
  expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringContaining('shop-3') })
})

test('a wait that is over ends with 3 and tells what holds the rollout', async () => {
  admin.rollouts = [
    rollout({ phase: 'paused', holding: { why: 'ana looks at it', until: null, waysOut: [] } }),
  ]
  const { code, stdout, stderr } = await sluice(['wait', 'shop', '--timeout', '300ms'], { env })
  expect(code).toBe(3)
  expect(stdout).toContain('paused')
  expect(stderr).toContain(
    'sluice: rollout "shop-3" did not get to "promoted" within 300ms; it is paused at 5 %: ana looks at it\n',
  )
})

test('a server that is away for a while does not end the wait', async () => {
  admin.hasStream = false
  admin.rollouts = [rollout()]
  const waiting = start(['wait', 'shop'], { env })
  await vi.waitFor(() => expect(waiting.stderr()).toContain('progressing'))
  admin.dropCount = 6
  await vi.waitFor(() => expect(waiting.stderr()).toContain('cannot reach the server'), 5_000)
  expect(waiting.stderr()).toContain('; trying again\n')
  admin.rollouts = [rollout({ phase: 'promoted' })]
  admin.dropCount = 0
  expect((await waiting.ended).code).toBe(0)
})

test('a route without a rollout ends with 1', async () => {
  const { code } = await sluice(['wait', 'shop'], { env })
  expect(code).toBe(1)
})

test('an interrupted wait ends with 130', async () => {
  admin.rollouts = [rollout()]
  const waiting = start(['wait', 'shop'], { env })
  await vi.waitFor(() => expect(waiting.stderr()).toContain('progressing'))
  waiting.interrupt()
  expect(await waiting.ended).toMatchObject({ code: 130, stdout: '' })
})

test.for([
  { phase: 'promoted', code: 0 },
  { phase: 'aborted', code: 5 },
] as const)('canary --wait ends with $code when it is $phase', async ({ phase, code }) => {
  const waiting = start(['canary', 'shop', '--to', 'shop-v2', '--wait'], { env })
  await vi.waitFor(() => expect(waiting.stderr()).toContain('shop-1 progressing'))
  admin.move({ phase })
  expect((await waiting.ended).code).toBe(code)
})

test('canary --wait ends with 3 when its time is over', async () => {
  const argv = ['canary', 'shop', '--to', 'shop-v2', '--wait', '--timeout', '200ms']
  expect((await sluice(argv, { env })).code).toBe(3)
})
