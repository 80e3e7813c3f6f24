import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, expect, onTestFinished, test } from 'vitest'
import { type FakeAdmin, fakeAdmin, rollout, route } from './fake-admin.ts'
import { sluice } from './harness.ts'

let admin: FakeAdmin
let env: { SLUICE_SERVER: string }

beforeEach(async () => {
  admin = await fakeAdmin()
  env = { SLUICE_SERVER: admin.url }
})

function fileWith(text: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-cli-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'rollout.yaml')
  writeFileSync(file, text)
  return file
}

test('canary posts steps, bakes after 100 and sends the guard', async () => {
  const { code, stdout, stderr } = await sluice(
    (
      'canary shop --to shop-v2 --traffic-split 5,12.5%,100 --interval 30s ' +
      '--success-criteria error_rate<1%,latency_p95<2s --window 20s'
    ).split(' '),
    { env },
  )
  const [asked] = admin.asked
  expect(asked?.body).toEqual({
    route: 'shop',
    to: 'shop-v2',
    strategy: {
      canary: {
        steps: [
          { setWeight: 5 },
          { pause: { duration: '30s' } },
          { setWeight: 12.5 },
          { pause: { duration: '30s' } },
          { setWeight: 100 },
          { bake: { duration: '30s' } },
        ],
      },
    },
    guard: { successCriteria: 'error_rate<1%,latency_p95<2s', window: '20s' },
  })
  expect(asked?.headers['idempotency-key']).toMatch(/^[0-9a-f-]{36}$/)
  expect({ code, stdout }).toEqual({
    code: 0,
    stdout:
      'ROLLOUT  ROUTE  FROM     TO       PHASE        STEP         WEIGHT  REASON\n' +
      'shop-1   shop   shop-v1  shop-v2  progressing  2/4 wait 2m     5 %  -\n',
  })
  expect(stderr).toBe('Started. Watch it with: sluice status shop --watch\n')
})

test('canary on evidence holds each weight for the interval at least', async () => {
  const options = '--traffic-split 5,100 --interval 30s --on-evidence'.split(' ')
  await sluice(['canary', 'shop', '--to', 'shop-v2', ...options], { env })
  expect(admin.asked[0]?.body).toMatchObject({
    strategy: {
      canary: {
        steps: [
          { setWeight: 5 },
          { pause: { advance: 'onEvidence', dwell: '30s' } },
          { setWeight: 100 },
          { bake: { duration: '30s' } },
        ],
      },
    },
  })
})

test('canary has defaults, and leaves the guard to the server', async () => {
  await sluice(['canary', 'shop', '--to', 'shop-v2'], { env })
  const steps = [5, 25, 50].flatMap((setWeight) => [{ setWeight }, { pause: { duration: '2m' } }])
  expect(admin.asked[0]?.body).toEqual({
    route: 'shop',
    to: 'shop-v2',
    strategy: { canary: { steps: [...steps, { setWeight: 100 }, { bake: { duration: '2m' } }] } },
  })
})

test.for([
  [['--success-criteria', ''], { successCriteria: '' }],
  [['--no-coin'], { coin: false }],
  [
    ['--no-coin', '--success-criteria', 'error_rate<1%'],
    { coin: false, successCriteria: 'error_rate<1%' },
  ],
] as const)('canary with %j sends the guard %j', async ([options, guard]) => {
  await sluice(['canary', 'shop', '--to', 'shop-v2', ...options], { env })
  expect(admin.asked[0]?.body).toMatchObject({ guard })
})

test('in JSON the rollout comes as the server sent it, and nothing else', async () => {
  const { stdout } = await sluice(['canary', 'shop', '--to', 'shop-v2', '-o', 'json'], { env })
  expect(JSON.parse(stdout)).toEqual(admin.rollouts[0])
})

test('what the server warns of is said before anything else', async () => {
  admin.warnings = ['step 2 of 8 at 5 %: error_rate<1% can never be decided at this traffic']
  const { code, stderr } = await sluice(['canary', 'shop', '--to', 'shop-v2'], { env })
  expect(code).toBe(0)
  expect(stderr.split('\n')[0]).toBe(
    'Warning: step 2 of 8 at 5 %: error_rate<1% can never be decided at this traffic',
  )
})

test.for([
  ['YAML', 'route: shop\nto: shop-v2\nstrategy:\n  canary:\n    steps:\n      - setWeight: 5\n'],
  ['JSON', '{"route":"shop","to":"shop-v2","strategy":{"canary":{"steps":[{"setWeight":5}]}}}'],
] as const)('rollout start posts a file in %s', async ([, text]) => {
  const { code } = await sluice(['rollout', 'start', '-f', fileWith(text)], { env })
  expect(code).toBe(0)
  expect(admin.asked[0]?.body).toEqual({
    route: 'shop',
    to: 'shop-v2',
    strategy: { canary: { steps: [{ setWeight: 5 }] } },
  })
})

test.for([
  ['broken YAML', 'route: [shop', /rollout\.yaml:1:\d+ /],
  ['a key twice', 'route: a\nroute: b\n', /rollout\.yaml:2:1 Map keys must be unique/],
  ['a list', '- setWeight: 5\n', /must hold a rollout/],
  ['nothing', '', /must hold a rollout/],
] as const)('rollout start refuses a file with %s', async ([, text, says]) => {
  const { code, stderr } = await sluice(['rollout', 'start', '-f', fileWith(text)], { env })
  expect(stderr).toMatch(says)
  expect(code).toBe(2)
  expect(admin.asked).toEqual([])
})

test('rollout start refuses a file that is not there', async () => {
  const { code, stderr } = await sluice(['rollout', 'start', '-f', 'nowhere.yaml'], { env })
  expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining('nowhere.yaml') })
})

test.for([
  {
    argv: ['promote', 'shop'],
    path: 'shop/promote',
    body: {},
    says: 'All traffic of "shop" goes to shop-v2\n',
  },
  {
    argv: ['promote', 'shop', '--full'],
    path: 'shop/promote',
    body: { full: true },
    says: 'All traffic',
  },
  { argv: ['pause', 'shop'], path: 'shop/pause', body: {}, says: 'sluice resume shop' },
  {
    argv: ['pause', 'shop', '--reason', 'lunch'],
    path: 'shop/pause',
    body: { reason: 'lunch' },
    says: 'Paused at 5 %',
  },
  { argv: ['resume', 'shop'], path: 'shop/resume', body: {}, says: 'Resumed at 5 %\n' },
  {
    argv: ['abort', 'shop-3', '--reason', 'looks bad'],
    path: 'shop-3/abort',
    body: { reason: 'looks bad' },
    says: 'All traffic of "shop" goes to shop-v1\n',
  },
  {
    argv: ['retry', 'shop'],
    path: 'shop/retry',
    body: {},
    says: 'Attempt 1 of "shop-3" has begun\n',
  },
])('"$argv" posts its verb', async ({ argv, path, body, says }) => {
  admin.rollouts = [rollout()]
  const { code, stdout, stderr } = await sluice(argv, { env })
  expect(admin.asked).toMatchObject([{ method: 'POST', path: `/v1/rollouts/${path}`, body }])
  expect(stdout).toMatch(/^ROLLOUT .*\nshop-3 .*\n$/)
  expect(stderr).toContain(says)
  expect(code).toBe(0)
})

test('abort says so when there is nothing to abort', async () => {
  admin.rollouts = [rollout({ phase: 'promoted' })]
  const { code, stderr } = await sluice(['abort', 'shop'], { env })
  expect({ code, stderr }).toEqual({
    code: 0,
    stderr: 'Nothing to abort: rollout "shop-3" is promoted\n',
  })
})

test('a generation becomes an If-Match, and only where it is given', async () => {
  admin.rollouts = [rollout()]
  await sluice(['pause', 'shop', '--generation', '7'], { env })
  await sluice(['resume', 'shop'], { env })
  expect(admin.asked.map(({ headers }) => headers['if-match'])).toEqual(['"7"', undefined])
})

test('the token comes from the environment or a file, and goes out as a bearer', async () => {
  admin.routes = [route()]
  await sluice(['status'], { env: { ...env, SLUICE_TOKEN: 'from-env' } })
  await sluice(['status', '--token-file', fileWith('from-file\n')], {
    env: { ...env, SLUICE_TOKEN: 'from-env' },
  })
  await sluice(['status'], { env })
  const sent = new Set(admin.asked.map(({ headers }) => headers.authorization))
  expect([...sent]).toEqual(['Bearer from-env', 'Bearer from-file', undefined])
})
