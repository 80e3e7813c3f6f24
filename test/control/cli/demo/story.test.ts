import { once } from 'node:events'
import { expect, onTestFinished, test } from 'vitest'
import { createShop } from '../../../../examples/shop/server.ts'
import type { RolloutView } from '../../../../src/control/api/schema.ts'
import type { Ledger } from '../../../../src/control/cli/demo/ledger.ts'
import type { Stage } from '../../../../src/control/cli/demo/stage.ts'
import { tellStory } from '../../../../src/control/cli/demo/story.ts'
import { plain } from '../../../../src/control/cli/paint.ts'
import { createScreen } from '../../../../src/control/cli/screen.ts'
import { aborted, rollout, route } from '../fake-admin.ts'

const promoted = rollout({ phase: 'promoted', weight: 100, holding: null, reason: 'All done' })
const at = (weight: number): RolloutView => rollout({ weight })

interface Script {
  /** What each look at the rollouts of the two acts sees; the last one is seen from then on. */
  readonly acts: readonly (readonly RolloutView[])[]
  /** Share of the canary's answers that fail, by act. */
  readonly failRatios?: readonly number[]
  /** Whether stable answers what the canary fails in the first act; default yes. */
  readonly isRescued?: boolean
  /** Where requests go after a rollout has ended: percent to the canary. */
  readonly weightAfter?: readonly number[]
}

/** A stage on which Sluice, the users and the time are played from a script. */
async function play({
  acts,
  failRatios = [0.3, 0],
  isRescued = true,
  weightAfter = [0, 100],
}: Script) {
  const shop = createShop({ version: 'shop-v2', fault: { failRatio: 1, delayMs: 0 } })
  await once(shop.listen(0, '127.0.0.1'), 'listening')
  onTestFinished(() => {
    shop.closeAllConnections()
    shop.close()
  })
  const address = shop.address()
  const origin = `http://127.0.0.1:${typeof address === 'object' ? address?.port : address}`
  let shown = ''
  let act = -1
  let look = 0
  let ledger: Ledger | undefined
  const seen = (): RolloutView => {
    const states = acts[act] ?? []
    return states[Math.min(look, states.length - 1)] ?? rollout()
  }
  const isOver = (): boolean => look >= (acts[act]?.length ?? 0) - 1
  /** A hundred users ask, each the same side of the coin every time. */
  const crowd = (): void => {
    const weight = act < 0 ? 0 : isOver() ? (weightAfter[act] ?? 0) : seen().weight
    for (let user = 0; user < 100; user++) {
      const startedAtMs = performance.now()
      const isCanary = user < weight
      const isBad = isCanary && (user % 10) / 10 < (failRatios[act] ?? 0)
      const isFailing = isBad && !(isRescued && act === 0)
      ledger?.add({
        user,
        version: isCanary && (isFailing || !isBad) ? 'shop-v2' : 'shop-v1',
        status: isFailing ? 500 : 200,
        startedAtMs,
        endedAtMs: startedAtMs,
      })
    }
  }
  const stage: Stage = {
    client: {
      start: async () => {
        act++
        look = -1
        await fetch(origin)
        return seen()
      },
      rollout: async () => {
        if (look >= 0) crowd()
        look++
        return seen()
      },
      route: async () => {
        if (act < 0) crowd()
        return route({ stable: act === 1 && isOver() ? 'shop-v2' : 'shop-v1' })
      },
    },
    screen: createScreen({ write: (text) => void (shown += text) }, false),
    paint: plain,
    signal: new AbortController().signal,
    ratePerSecond: 400,
    userCount: 1_000,
    canaryOrigin: origin,
    pauseMs: 120,
    count: (next) => void (ledger = next),
  }
  const expectations = await tellStory(stage)
  return {
    shown,
    broken: expectations.filter(({ holds }) => !holds).map(({ what }) => what),
    count: expectations.length,
  }
}

const BAD = [at(5), aborted()]
const GOOD = [at(5), at(25), at(50), at(100), promoted]

test('the story as it should go holds in every point', async () => {
  const { broken, count, shown } = await play({ acts: [BAD, GOOD] })
  expect({ broken, count }).toEqual({ broken: [], count: 10 })
  expect(shown).toContain('aborted: error_rate<1% fails')
  expect(shown).toMatch(
    / {2}50 % {2}██████████░░░░░░░░░░ {2}0\.1 s {2}50 of 100 requests on shop-v2/,
  )
  expect(shown).toContain('  promoted: All done\n')
  expect(shown).not.toContain('✗')
})

test('a bad release that goes through is told', async () => {
  const { broken } = await play({ acts: [[at(5), promoted], GOOD] })
  expect(broken).toContain('the bad release was taken back by itself')
})

test('that users see what the canary fails is told', async () => {
  const { broken } = await play({ acts: [BAD, GOOD], isRescued: false })
  expect(broken).toEqual([
    'shop-v2 failed 1 of 100 requests, shop-v1 answered them, and users saw 3 errors (at most 0)',
  ])
})

test('a canary that still gets traffic after its abort is told', async () => {
  const { broken } = await play({ acts: [BAD, GOOD], weightAfter: [5, 100] })
  expect(broken).toEqual([expect.stringMatching(/^of the next \d+ requests \d+ reached shop-v2/)])
})

test('a good release that fails a request, skips a weight or goes back is told', async () => {
  const { broken } = await play({
    acts: [BAD, [at(5), at(50), at(25), promoted]],
    failRatios: [0.3, 1],
  })
  expect(broken).toEqual([
    'the weight went 5 %, 25 %, 50 %, 100 %, but was seen as 5 %, 50 %, 25 %',
    expect.stringMatching(/requests failed \(at most 0\)$/),
    '25 users were sent back from shop-v2 to shop-v1 (at most 0)',
  ])
})
