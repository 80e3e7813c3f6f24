import { stripVTControlCharacters } from 'node:util'
import { beforeEach, describe, expect, test, vi } from 'vitest'
import { STANDARD_GUARD } from '../../../src/analyzer/guard/config.ts'
import { createGuard } from '../../../src/analyzer/guard/guard.ts'
import { explain } from '../../../src/analyzer/guard/sentence.ts'
import { viewEvidence } from '../../../src/control/api/evidence-view.ts'
import {
  aborted,
  analysis,
  event,
  type FakeAdmin,
  fakeAdmin,
  rollout,
  route,
} from './fake-admin.ts'
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
    'ROUTE  PHASE        STEP         VERDICT  EVIDENCE  VARIANT  UPSTREAM  WEIGHT  REQUESTS  ERRORS    P95\n' +
      'shop   progressing  2/4 wait 2m  pass     -         stable   shop-v1     95 %     3,800   0.5 %  2.1ms\n' +
      '                                                    canary   shop-v2      5 %         0       -      -\n' +
      'blog   -            -            -        -         stable   shop-v1    100 %     3,800   0.5 %  2.1ms\n',
  )
})

test.for([
  ['none', 'none'],
  ['quiet', 'quiet'],
  ['good', 'good'],
  ['doubtful', 'doubtful 10^1.2 of 10^3'],
  ['bad', 'bad'],
  ['broken', 'broken'],
] as const)('status tells of a route whose evidence is %s in a word', async ([word, told]) => {
  admin.rollouts = [rollout({ evidence: { word, evidence: 1.2, limit: 3 } })]
  const { stdout } = await sluice(['status'], { env })
  expect(stdout.split('\n')[1]).toContain(` ${told} `)
})

test('status of a route tells where its metrics stand, what came last and why', async () => {
  const metric = { isDryRun: false, isStarved: false, last: null } as const
  const at = '2026-11-21T10:00:30.000Z'
  admin.analysis = analysis({
    metrics: [
      { ...metric, name: 'success-rate', state: 'running', sentence: 'it is being measured' },
      {
        ...metric,
        name: 'conversion',
        state: 'fail',
        sentence: 'conversion fails: 1 of 1 measurement failed',
        isDryRun: true,
        last: { at, verdict: 'failure', value: '[90]', reason: 'it is below' },
      },
      {
        ...metric,
        name: 'kayenta',
        state: 'noData',
        isStarved: true,
        sentence: 'too few points',
      },
    ],
    checks: [
      {
        criterion: 'custom.revenue>5',
        verdict: 'pass',
        sentence: 'custom.revenue>5 passes: 6 is above 5',
        value: 6,
        limit: 5,
      },
      { criterion: 'error_rate<1%', verdict: 'pass', sentence: 'fine', value: 0, limit: 0.01 },
    ],
  })
  const { stdout } = await sluice(['status', 'shop'], { env })
  const told = stdout.replaceAll(/\d\d:\d\d:\d\d( \([^)]*\))?/g, 'hh:mm:ss')
  await expect(told).toMatchFileSnapshot('status-with-metrics.txt')
})

test('status of a route tells what holds the rollout and why', async () => {
  const { stdout } = await sluice(['status', 'shop'], { env })
  const told = stdout.replaceAll(/\d\d:\d\d:\d\d( \([^)]*\))?/g, 'hh:mm:ss')
  await expect(told).toMatchFileSnapshot('status-of-a-route.txt')
})

describe('the evidence of a rollout that runs', () => {
  const guard = createGuard(STANDARD_GUARD, { tickMs: 100, horizonMs: 60_000, stepCount: 0 })
  const side = { clientErrorCount: 0, timedCount: 0, slowCounts: [0, 0, 0] }
  const canary = { ...side, requestCount: 40, failedCount: 2 }
  const stable = { ...side, requestCount: 760, failedCount: 0 }
  const known = guard.tick({ epochs: [{ weightBp: 500, canary, stable }] })
  const evidence = viewEvidence({
    evidence: known,
    sentence: explain(known),
    isTimed: true,
    step: null,
  })

  test('is told with its limits and its sentence, which stands for a verdict without criteria', async () => {
    const { plan } = rollout()
    const coin = { ...plan.guard, coin: true, successCriteria: '' }
    admin.rollouts = [rollout({ plan: { ...plan, guard: coin } })]
    admin.analysis = analysis({ evidence })
    const { stdout } = await sluice(['status', 'shop'], { env })
    const told = stdout.split('\n').filter((line) => /^ {2}(?:verdict|guard|evidence| )/.test(line))
    expect(told.slice(0, 3)).toEqual([
      '  guard     compared with stable',
      expect.stringMatching(
        /^ {2}evidence {2}10\^[\d.-]+ of 10\^3 to one \(failed 10\^[\d.-]+ of 10\^3\.4, latency 10\^/,
      ),
      `            ${evidence.sentence}`,
    ])
  })

  test('stands beside the verdict of criteria', async () => {
    admin.analysis = analysis({ evidence })
    const { stdout } = await sluice(['status', 'shop'], { env })
    expect(stdout).toContain('\n  verdict   error_rate<1% passes')
    expect(stdout).toContain('\n  evidence  10^')
  })

  test('says that the splitter is broken', async () => {
    const splitter = { ...evidence.splitter!, isBroken: true }
    admin.analysis = analysis({ evidence: { ...evidence, splitter } })
    const { stdout } = await sluice(['status', 'shop'], { env })
    expect(stdout).toContain('; the splitter is broken\n')
  })

  test('is short in the lines of --watch', async () => {
    admin.analysis = analysis({ evidence })
    const watching = start(['status', 'shop', '--watch'], { env })
    await vi.waitFor(() =>
      expect(watching.stdout()).toMatch(/ pass {2}evidence 10\^\S+ of 10\^3 {2}/),
    )
    watching.interrupt()
    await watching.ended
  })

  test('is not asked for once it has ended', async () => {
    admin.rollouts = [aborted()]
    admin.analysis = analysis({ evidence })
    expect((await sluice(['status', 'shop'], { env })).stdout).not.toContain('evidence')
  })
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
    analysis: admin.analysis,
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
