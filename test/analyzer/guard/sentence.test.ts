import { describe, expect, test } from 'vitest'
import type { TickCounts } from '../../../src/analyzer/guard/counts.ts'
import { evidenceWord, explain } from '../../../src/analyzer/guard/sentence.ts'
import { duration, percent, power, thousands } from '../../../src/analyzer/guard/words.ts'
import { standardGuard, stickyTick, tick } from './ticks.ts'

type Story = readonly (readonly [number, TickCounts])[]

/** What the guard says after each tick so many times. */
function say(story: Story): string {
  const guard = standardGuard()
  for (const [times, counts] of story) for (let i = 0; i < times; i++) guard.add(counts)
  return explain(guard.evidence())
}

const HEALTHY = tick(25, { count: 25 }, { count: 75 })
const FAULTY = tick(25, { count: 25, failed: 1 }, { count: 75 })
const SLOW = tick(25, { count: 25, slow: [18, 9, 7, 2] }, { count: 75, slow: [37, 7, 3, 1] })

test.for<[word: string, story: Story]>([
  ['none', [[9, tick(0, { count: 0 }, { count: 100 })]]],
  ['quiet', [[1, HEALTHY]]],
  ['good', [[60, HEALTHY]]],
  ['quiet', [[60, tick(25, { count: 25, failed: 25 }, { count: 75, failed: 75 })]]],
  [
    'doubtful',
    [
      [60, HEALTHY],
      [7, FAULTY],
    ],
  ],
  [
    'bad',
    [
      [60, HEALTHY],
      [12, FAULTY],
    ],
  ],
  ['broken', [[60, tick(25, { count: 50 }, { count: 50 })]]],
])('the word is %s', ([word, story]) => {
  const guard = standardGuard()
  for (const [times, counts] of story) for (let i = 0; i < times; i++) guard.add(counts)
  expect(evidenceWord(guard.evidence())).toBe(word)
})

describe('the sentence', () => {
  test.for<[string, Story, string]>([
    [
      'before anything has settled',
      [[9, tick(0, { count: 0 }, { count: 100 })]],
      'Undecided: no request of the canary has settled yet',
    ],
    [
      'of a healthy canary',
      [[60, HEALTHY]],
      'No sign of a fault after 1m: 0 of 1500 canary requests failed (0 %), 0 of 4500 of stable (0 %); 1.5 times stable + 0.1 points is tolerated; evidence against the canary 10^-0.6 to one of 10^3, that it is good 10^1.3; nobody could tell a canary that fails 5 % before 515 requests, 5.15s at 100 requests/s with 25 % on the canary',
    ],
    [
      'of an outage that both share calls nobody good',
      [[60, tick(25, { count: 25, failed: 25 }, { count: 75, failed: 75 })]],
      'No sign that it is the canary after 1m: 1500 of 1500 canary requests failed (100 %), 4500 of 4500 of stable (100 %); 1.5 times stable + 0.1 points is tolerated; evidence against the canary 10^-0.7 to one of 10^3; nobody could ever tell a canary that fails 100 % at the present traffic',
    ],
    [
      'of a suspicion tells since when',
      [
        [60, HEALTHY],
        [7, FAULTY],
      ],
      'Undecided: in the last 7s 7 of 175 canary requests failed (4 %), 0 of 525 of stable (0 %); 1.5 times stable + 0.1 points is tolerated; evidence 10^1 to one, at 10^3 the guard aborts; "failed" weighs most; nobody could tell such a difference (4 % to 0 %) before 652 requests, 6.52s at 100 requests/s with 25 % on the canary',
    ],
    [
      'of too little says so',
      [[1, tick(1, { count: 10, failed: 3 }, { count: 990 })]],
      'Undecided: 3 of 10 canary requests failed (30 %), 0 of 990 of stable (0 %); 1.5 times stable + 0.1 points is tolerated; evidence 10^3.7 to one, it is too little to act on; "failed" weighs most; nobody could tell such a difference (30 % to 0 %) before 555 requests, 555ms at 1000 requests/s with 1 % on the canary',
    ],
    [
      'of failures',
      [
        [60, HEALTHY],
        [12, FAULTY],
      ],
      'The guard aborts: in the last 12s 12 of 300 canary requests failed (4 %), 0 of 900 of stable (0 %); 1.5 times stable + 0.1 points is tolerated; evidence 10^3.1 to one after 1.2m, the limit is 10^3; "failed" weighs most',
    ],
    [
      'of a broken limit',
      [[1, tick(5, { count: 5, failed: 5 }, { count: 95 })]],
      'The guard aborts: 5 of 5 canary requests failed (100 %), 0 of 95 of stable (0 %); the limit is 5 %; evidence 10^4.4 to one after 1s, the limit is 10^3; "slo" weighs most',
    ],
    [
      'of 4xx',
      [[15, tick(25, { count: 25, clientErrors: 10 }, { count: 75, clientErrors: 4 })]],
      'The guard aborts: 150 of 375 canary requests were answered 4xx (40 %), 60 of 1125 of stable (5.33 %); 2 times stable + 1 point is tolerated; evidence 10^3.6 to one after 5s, the limit is 10^3; "clientErrors" weighs most',
    ],
    [
      'of slow answers',
      [[15, SLOW]],
      'The guard aborts: 105 of 375 canary requests took longer than stable\'s p95 with some slack (28 %), 45 of 1125 of stable longer than its p95 (4 %); evidence 10^26.9 to one after 15s, the limit is 10^3; "latency" weighs most',
    ],
    [
      'of slow answers with the thresholds in force',
      [[15, { ...SLOW, thresholds: [null, null, { stableUs: 200_703, canaryUs: 233_471 }, null] }]],
      'The guard aborts: 105 of 375 canary requests took longer than 233ms (28 %), 45 of 1125 of stable longer than its p95 of 201ms (4 %); evidence 10^26.9 to one after 15s, the limit is 10^3; "latency" weighs most',
    ],
    [
      'of a splitter that is off',
      [[40, tick(5, { count: 12 }, { count: 88 })]],
      'The guard pauses: the splitter is broken: 480 of 4000 assignments went to the canary, 200 by the weights, so no comparison with stable can be trusted; evidence 10^4.2 to one after 6s, the limit is 10^4',
    ],
    [
      'with all traffic on the canary',
      [[60, tick(100, { count: 100, failed: 1 }, { count: 0 })]],
      'No sign of a fault after 1m: 60 of 6000 canary requests failed (1 %), 0 of 0 of stable; the limit is 5 %; evidence against the canary 10^-0.3 to one of 10^3; nobody could tell a canary that fails 10 % before 335 requests, 3.34s at 100 requests/s with 100 % on the canary',
    ],
    [
      'where nobody could ever tell',
      [
        [1, tick(5, { count: 1 }, { count: 19 })],
        [1, tick(0, { count: 0 }, { count: 20 })],
      ],
      'No sign of a fault after 2s: 0 of 1 canary requests failed (0 %), 0 of 19 of stable (0 %); 1.5 times stable + 0.1 points is tolerated; evidence against the canary 10^-0.3 to one of 10^3; nobody could ever tell a canary that fails 5 % at the present traffic',
    ],
  ])('%s', ([, story, expected]) => {
    expect(say(story)).toBe(expected)
  })
})

function saySticky(ticks: readonly TickCounts[]): string {
  const guard = standardGuard({ isSticky: true })
  for (const counts of ticks) guard.add(counts)
  return explain(guard.evidence())
}

describe('of sticky units', () => {
  const ARRIVE = stickyTick(
    25,
    { count: 300, units: { count: 100 } },
    { count: 900, units: { count: 300 } },
  )

  test('tells how many were bad for the first time', () => {
    const fail = stickyTick(
      25,
      { count: 60, failed: 30, units: { count: 20, failed: 20 } },
      { count: 180, units: { count: 60, failed: 1 } },
    )
    expect(saySticky([fail, fail])).toMatch(
      /^The guard aborts: 40 of 40 canary units failed \(100 %\), 2 of 120 of stable \(1\.67 %\);/,
    )
  })

  test('does not speak of shares where known units turn bad', () => {
    const turn = stickyTick(
      25,
      { count: 30, failed: 30, units: { count: 0, failed: 10 }, firstFailed: 0 },
      { count: 90, units: { count: 0 } },
    )
    expect(saySticky([ARRIVE, turn, turn])).toMatch(
      /^The guard aborts: in the last 2s 20 canary units failed, 0 of stable;/,
    )
  })
})

test.for([
  [duration(0.85), '850us'],
  [duration(12.34), '12.3ms'],
  [duration(2_000), '2s'],
  [duration(450_000), '7.5m'],
  [duration(93_600_000), '26h'],
  [percent(0.312_45), '31.2 %'],
  [percent(0.000_123), '0.0123 %'],
  [power(3.44), '10^3.4'],
  [power(-0.04), '10^0'],
  [thousands(1_241), '1241'],
  [thousands(12_410), '12 410'],
  [thousands(1_234_567), '1 234 567'],
] as const)('%s', ([found, expected]) => {
  expect(found).toBe(expected)
})
