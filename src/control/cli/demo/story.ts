/**
 * The demo's two acts: a bad release that goes back by itself, and a good one that goes all the way.
 *
 * Each act ends with expectations that are checked one by one, from the users' side wherever they can tell: a demo
 * that cannot fail would show nothing.
 */

import { request } from 'undici'
import { count, percent } from '../format.ts'
import { Ledger } from './ledger.ts'
import { playRollout, type Stage, watchFor } from './stage.ts'

export interface Expectation {
  readonly what: string
  readonly holds: boolean
}

/** As `examples/demo.yaml` has it. Each shop tells the name of its upstream as its version. */
export const ROUTE = 'shop'
export const STABLE = 'shop-v1'
export const CANARY = 'shop-v2'
/** Share of its requests that the canary fails in the first act. */
export const FAIL_RATIO = 0.3

const WEIGHTS = [5, 25, 50, 100]
const INTERVAL = '5s'
const BODY = {
  route: ROUTE,
  to: CANARY,
  strategy: {
    canary: {
      steps: WEIGHTS.flatMap((setWeight) => [
        { setWeight },
        setWeight === 100 ? { bake: { duration: INTERVAL } } : { pause: { duration: INTERVAL } },
      ]),
    },
  },
  guard: { successCriteria: 'error_rate<1%,latency_p95<2s', window: '10s' },
}

/** From the first request on the bad canary to weight 0. */
const BACK_LIMIT_MS = 5_000

/** Plays both acts. Resolves to all expectations; rejects with the signal's reason when it is stopped. */
export async function tellStory(stage: Stage): Promise<readonly Expectation[]> {
  const { screen, paint, ratePerSecond, userCount } = stage
  screen.append(
    `${paint('bold', 'A shop behind Sluice')}: ${count(userCount)} users, ${ratePerSecond} requests/s, all answered by ${STABLE}`,
  )
  await watchFor(stage, stage.pauseMs, { ledger: newLedger(), route: ROUTE, rollout: null })
  const bad = await badRelease(stage)
  const good = await goodRelease(stage)
  return [...bad, ...good]
}

async function badRelease(stage: Stage): Promise<readonly Expectation[]> {
  const { screen, paint } = stage
  screen.append('')
  screen.append(
    `${paint('bold', 'Act 1, a bad release')}: ${CANARY} fails ${percent(FAIL_RATIO * 100)} of its requests`,
  )
  const ledger = newLedger()
  const { ended } = await playRollout(stage, ledger, BODY)
  const backMs = performance.now() - (ledger.firstCanaryAtMs ?? -Infinity)
  screen.append(`  ${paint('red', ended.phase)}: ${ended.reason}`)

  const after = newLedger()
  const watched = { ledger: after, route: ROUTE, rollout: ended.id }
  const route = await watchFor(stage, stage.pauseMs, watched)
  const { requestCount, errorCount } = ledger.all
  const failedCount = await countFailed(stage.canaryOrigin)
  return tell(stage, [
    {
      what: `the bad release was taken back by itself`,
      holds: ended.phase === 'aborted' && ended.weight === 0,
    },
    {
      what: `${seconds(backMs)} from the first request on ${CANARY} to weight 0 (at most ${seconds(BACK_LIMIT_MS)})`,
      holds: backMs <= BACK_LIMIT_MS,
    },
    {
      what: `${CANARY} failed ${count(failedCount)} of ${count(requestCount)} requests, ${STABLE} answered them, and users saw ${count(errorCount)} errors (at most 0)`,
      holds: failedCount > 0 && errorCount === 0,
    },
    {
      what: `of the next ${count(after.all.requestCount)} requests ${count(after.canary.requestCount)} reached ${CANARY} and ${count(after.all.errorCount)} failed (at most 0)`,
      holds: after.all.requestCount > 0 && after.canary.requestCount + after.all.errorCount === 0,
    },
    {
      what: `the route's stable is still ${STABLE}`,
      holds: route.stable === STABLE,
    },
  ])
}

async function goodRelease(stage: Stage): Promise<readonly Expectation[]> {
  const { screen, paint } = stage
  await heal(stage.canaryOrigin)
  screen.append('')
  screen.append(`${paint('bold', 'Act 2, a good release')}: ${CANARY} is healed and released again`)
  const ledger = newLedger()
  const { ended, stretches } = await playRollout(stage, ledger, BODY)
  screen.append(`  ${paint('green', ended.phase)}: ${ended.reason}`)

  const after = newLedger()
  const watched = { ledger: after, route: ROUTE, rollout: ended.id }
  const route = await watchFor(stage, stage.pauseMs, watched)
  const requestCount = ledger.all.requestCount + after.all.requestCount
  const errorCount = ledger.all.errorCount + after.all.errorCount
  const seen = stretches.map((stretch) => percent(stretch.weight)).join(', ')
  const wanted = WEIGHTS.map(percent).join(', ')
  return tell(stage, [
    {
      what: `the weight went ${wanted}${seen === wanted ? '' : `, but was seen as ${seen}`}`,
      holds: seen === wanted,
    },
    { what: `the good release was promoted`, holds: ended.phase === 'promoted' },
    {
      what: `${count(errorCount)} of ${count(requestCount)} requests failed (at most 0)`,
      holds: requestCount > 0 && errorCount === 0,
    },
    {
      what: `${count(ledger.flapCount)} users were sent back from ${CANARY} to ${STABLE} (at most 0)`,
      holds: ledger.flapCount === 0,
    },
    {
      what: `the route's stable is now ${CANARY}, and it answered ${count(after.canary.requestCount)} of the next ${count(after.all.requestCount)} requests`,
      holds:
        route.stable === CANARY &&
        after.all.requestCount > 0 &&
        after.canary.requestCount === after.all.requestCount,
    },
  ])
}

function newLedger(): Ledger {
  return new Ledger(CANARY)
}

/** Of the canary's own knowledge: users are answered by stable in its place. */
async function countFailed(origin: string): Promise<number> {
  const { body } = await request(`${origin}/_fault`)
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- our own example says so
  return ((await body.json()) as { failedCount: number }).failedCount
}

async function heal(origin: string): Promise<void> {
  const { body } = await request(`${origin}/_fault`, {
    method: 'PUT',
    body: JSON.stringify({ failRatio: 0, delayMs: 0 }),
  })
  await body.dump()
}

function tell(
  { screen, paint }: Stage,
  expectations: readonly Expectation[],
): readonly Expectation[] {
  for (const { what, holds } of expectations) {
    screen.append(`  ${holds ? paint('green', '✓') : paint('red', '✗ expected:')} ${what}`)
  }
  return expectations
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`
}
