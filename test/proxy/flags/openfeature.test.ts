import { ErrorCode, InMemoryProvider, type Provider } from '@openfeature/server-sdk'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { PENDING } from '../../../src/proxy/flags/evaluator.ts'
import { ThreadFlags } from '../../../src/proxy/flags/flags.ts'
import { FAILURE_MS, QUESTION_LIMIT } from '../../../src/proxy/flags/openfeature.ts'
import { subjectOf } from './subject.ts'

const DEADLINE_MS = 5
const MEMO_MS = 60_000

/** A provider that is answered for by hand, on a clock that is moved by hand. */
class House {
  nowMs = 1_000
  readonly questions: {
    resolve: (value: boolean | string) => void
    fail: (code: string) => void
  }[] = []
  readonly asked: string[] = []
  readonly contexts: object[] = []
  readonly flags: ThreadFlags
  readonly #timers: { atMs: number; run: () => void }[] = []

  constructor(exported?: unknown, memoLimit = 1_000) {
    this.flags = new ThreadFlags({
      nowMs: () => this.nowMs,
      after: (delayMs, run) => void this.#timers.push({ atMs: this.nowMs + delayMs, run }),
      load: () => Promise.resolve(exported ?? this.#provider()),
      report: (error) => {
        throw error
      },
    })
    const source = {
      kind: 'openFeature',
      module: 'file:///provider.js',
      options: '{"of":"house"}',
      deadlineMs: DEADLINE_MS,
      memoMs: MEMO_MS,
      memoLimit,
    } as const
    const attributes = { plan: 'header.x-plan' }
    this.flags.use({
      providers: [{ name: 'vendor', variants: { red: 'canary' }, source }],
      attributes,
    })
  }

  #provider(): Provider {
    const answer = (key: string, isText: boolean, context: object) => {
      this.asked.push(key)
      this.contexts.push(context)
      return new Promise((resolve) => {
        this.questions.push({
          resolve: (value) => {
            const isWrong = (typeof value === 'string') !== isText
            resolve(
              isWrong
                ? { value: isText ? '' : false, errorCode: ErrorCode.TYPE_MISMATCH }
                : { value, reason: 'TARGETING_MATCH' },
            )
          },
          fail: (errorCode) => resolve({ value: isText ? '' : false, errorCode }),
        })
      })
    }
    return {
      metadata: { name: 'by hand' },
      resolveBooleanEvaluation: (key: string, _: boolean, context: object) =>
        answer(key, false, context),
      resolveStringEvaluation: (key: string, _: string, context: object) =>
        answer(key, true, context),
    } as unknown as Provider
  }

  move(ms: number): void {
    this.nowMs += ms
    const due = this.#timers.filter(({ atMs }) => atMs <= this.nowMs)
    for (const each of due) this.#timers.splice(this.#timers.indexOf(each), 1)
    for (const { run } of due) run()
  }

  evaluate(unit: string | null, key = 'checkout') {
    return this.flags.evaluate('vendor', key, subjectOf(unit, { 'header.x-plan': 'gold' }))
  }

  /** Waits for what is pending. */
  settled(unit: string, key = 'checkout'): Promise<void> {
    return new Promise((resolve) => this.flags.whenKnown('vendor', key, unit, resolve))
  }

  /** Resolves when so many questions have come to the provider. */
  async asks(count: number): Promise<void> {
    await vi.waitFor(() => expect(this.questions.length).toBe(count))
  }

  get reasons(): readonly string[] {
    return (this.flags.take()?.counts ?? []).map(
      ({ variant, reason, count }) => `${variant} ${reason} ${count}`,
    )
  }
}

let house: House
afterEach(() => house.flags.close())

describe('a provider of OpenFeature', () => {
  test('is asked once for a unit, and its answer is kept for a while', async () => {
    house = new House()
    expect(house.evaluate('ann')).toBe(PENDING)
    await house.asks(1)
    expect(house.contexts).toEqual([{ targetingKey: 'ann', plan: 'gold' }])
    const settled = house.settled('ann')
    house.questions[0]!.resolve(true)
    await settled
    expect(house.evaluate('ann')).toBe('canary')
    house.move(MEMO_MS - 1)
    expect(house.evaluate('ann')).toBe('canary')
    expect(house.asked).toEqual(['checkout'])
    expect(house.reasons).toEqual(['canary targeting_match 2'])
  })

  test('is asked anew when the answer is old, and until it answers the old one counts', async () => {
    house = new House()
    house.evaluate('ann')
    await house.asks(1)
    const settled = house.settled('ann')
    house.questions[0]!.resolve(true)
    await settled
    house.move(MEMO_MS)
    expect(house.evaluate('ann')).toBe('canary')
    expect(house.evaluate('ann')).toBe('canary')
    await house.asks(2)
    const renewed = house.settled('ann')
    house.questions[1]!.resolve(false)
    await renewed
    expect(house.evaluate('ann')).toBe('stable')
    expect(house.asked).toHaveLength(2)
  })

  test('a late one leaves the request to stable at its deadline, and counts from then on', async () => {
    house = new House()
    expect(house.evaluate('ann')).toBe(PENDING)
    await house.asks(1)
    const settled = house.settled('ann')
    house.move(DEADLINE_MS)
    await settled
    expect(house.evaluate('ann')).toBe('stable')
    expect(house.reasons).toEqual(['stable timeout 1'])
    house.questions[0]!.resolve(true)
    await vi.waitFor(() => {
      house.move(FAILURE_MS)
      expect(house.evaluate('ann')).toBe('canary')
    })
  })

  test('that fails leaves requests to stable, and is not asked by each of them', async () => {
    house = new House()
    house.evaluate('ann')
    await house.asks(1)
    const settled = house.settled('ann')
    house.questions[0]!.fail(ErrorCode.GENERAL)
    await settled
    expect(house.evaluate('ann')).toBe('stable')
    expect(house.evaluate('ann')).toBe('stable')
    expect(house.reasons).toEqual(['stable general 2'])
    expect(house.asked).toHaveLength(1)
  })

  test('that fails later keeps what it said before while that may be kept', async () => {
    house = new House()
    house.evaluate('ann')
    await house.asks(1)
    const settled = house.settled('ann')
    house.questions[0]!.resolve(true)
    await settled
    house.move(MEMO_MS)
    house.evaluate('ann')
    await house.asks(2)
    const renewed = house.settled('ann')
    house.questions[1]!.fail(ErrorCode.GENERAL)
    await renewed
    expect(house.evaluate('ann')).toBe('canary')
    house.move(MEMO_MS)
    expect(house.evaluate('ann')).toBe(PENDING)
  })

  test.for([ErrorCode.FLAG_NOT_FOUND, ErrorCode.TARGETING_KEY_MISSING])(
    'the rule does not match where it says %s',
    async (code) => {
      house = new House()
      house.evaluate('ann')
      await house.asks(1)
      const settled = house.settled('ann')
      house.questions[0]!.fail(code)
      await settled
      expect(house.evaluate('ann')).toBeNull()
      expect(house.reasons).toEqual([`none ${code.toLowerCase()} 1`])
    },
  )

  test('a text is asked for as a text from then on', async () => {
    house = new House()
    for (const [i, unit] of ['ann', 'bob'].entries()) {
      house.evaluate(unit)
      const settled = house.settled(unit)
      if (i === 0) {
        await house.asks(1)
        house.questions[0]!.resolve('red')
      }
      await house.asks(2 + i)
      house.questions.at(-1)!.resolve('red')
      await settled
      expect(house.evaluate(unit)).toBe('canary')
    }
    expect(house.asked).toHaveLength(3)
  })

  test('without a unit there is nothing to ask', () => {
    house = new House()
    expect(house.evaluate(null)).toBeNull()
    expect(house.reasons).toEqual(['none no_unit 1'])
  })

  test('that answers nobody is not asked without end', async () => {
    house = new House(undefined, 10)
    for (let i = 0; i < QUESTION_LIMIT; i++) expect(house.evaluate(`unit ${i}`)).toBe(PENDING)
    expect(house.evaluate('one more')).toBe('stable')
    expect(house.reasons).toEqual(['stable busy 1'])
    house.move(30_000)
    expect(house.evaluate('one more')).toBe(PENDING)
  })
})

describe('a module', () => {
  test('may export a provider', async () => {
    const variants = { on: true, off: false }
    house = new House(
      new InMemoryProvider({ checkout: { variants, defaultVariant: 'on', disabled: false } }),
    )
    house.evaluate('ann')
    await house.settled('ann')
    expect(house.evaluate('ann')).toBe('canary')
    await vi.waitFor(() => {
      expect(house.flags.take()?.faults).toEqual([{ provider: 'vendor', fault: null }])
    })
  })

  test('may export what makes one of its options', async () => {
    const seen: unknown[] = []
    house = new House(async (options: unknown) => {
      seen.push(options)
      return new InMemoryProvider({})
    })
    house.evaluate('ann')
    await house.settled('ann')
    expect(seen).toEqual([{ of: 'house' }])
    expect(house.evaluate('ann')).toBeNull()
  })

  test.for([
    ['something else', { a: 1 }],
    [
      'what throws',
      () => {
        throw new Error('no licence')
      },
    ],
  ] as const)('that exports %s leaves requests to stable, and says so', async ([, exported]) => {
    house = new House(exported)
    house.evaluate('ann')
    await house.settled('ann')
    expect(house.evaluate('ann')).toBe('stable')
    const told = house.flags.take()!
    expect(told.counts).toMatchObject([{ variant: 'stable', reason: 'provider_failed' }])
    expect(told.faults[0]?.fault).toMatch(/no licence|no OpenFeature provider/)
  })
})
