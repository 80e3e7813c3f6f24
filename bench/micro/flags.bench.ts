/** Each sample is 1 000 evaluations, so that milliseconds a sample read as microseconds an evaluation. */

import { expect, test } from 'vitest'
import { ThreadFlags } from '../../src/proxy/flags/flags.ts'
import type { FlagSubject } from '../../src/proxy/flags/evaluator.ts'

const HALF = {
  fractional: [
    ['on', 50],
    ['off', 50],
  ],
}

const FLAGS: Readonly<Record<string, unknown>> = {
  'a switch': {},
  'a share': HALF,
  'a condition': { if: [{ in: [{ var: 'header.x-country' }, ['at', 'de', 'ch']] }, 'on', 'off'] },
  'a condition and a share': {
    if: [{ ends_with: [{ var: 'email' }, '@example.com'] }, HALF, 'off'],
  },
}

const ATTRIBUTES: Readonly<Record<string, string>> = {
  'header.x-country': 'de',
  'header.x-email': 'somebody@example.com',
}

/** A subject whose unit changes with each question. */
class Subjects implements FlagSubject {
  #index = 0
  readonly #units: readonly string[]

  constructor(units: readonly string[]) {
    this.#units = units
  }

  get unit(): string {
    return this.#units[this.#index++ % this.#units.length]!
  }

  attribute(name: string): string | null {
    return ATTRIBUTES[name] ?? null
  }
}

const ASCII = Array.from({ length: 1_000 }, (_, i) => `5c3d8535-f81a-4478-a6d3-${i}`)
const OTHER = ASCII.map((unit) => Buffer.from(`jürgen-${unit}`).toString('latin1'))

function createFlags(): ThreadFlags {
  const thread = new ThreadFlags({
    nowMs: () => 0,
    after: () => undefined,
    load: () => Promise.reject(new Error('nothing to load')),
    report: (error) => {
      throw error
    },
  })
  const flags = Object.fromEntries(
    Object.entries(FLAGS).map(([key, targeting]) => [
      key,
      { state: 'ENABLED', variants: { on: true, off: false }, defaultVariant: 'off', targeting },
    ]),
  )
  const definitions = JSON.stringify({ flags })
  const source = { kind: 'flagd', definitions, ramps: [], off: [] } as const
  thread.use({
    providers: [{ name: 'team', variants: {}, source }],
    attributes: { email: 'header.x-email' },
  })
  return thread
}

test.for([
  ...Object.keys(FLAGS).map((key) => [key, key, ASCII] as const),
  ['a share, of a unit that is not ASCII', 'a share', OTHER] as const,
])('%s', async ([name, key, units], { bench }) => {
  const flags = createFlags()
  const subjects = new Subjects(units)
  let canaryCount = 0
  await bench(name, () => {
    for (let i = 0; i < 1_000; i++) {
      if (flags.evaluate('team', key, subjects) === 'canary') canaryCount++
    }
  }).run({ time: 50 })
  expect(canaryCount > 0).toBe(key !== 'a switch')
})
