/** Makes inputs from a seed, has them read by both sides, and counts what comes of them. */

import { setImmediate } from 'node:timers/promises'
import type { Input } from './input.ts'
import type { Part, PartName, Result } from './parts.ts'
import { Random } from './random.ts'
import type { Reading } from './reading.ts'

/** Inputs between two turns of the event loop, in which what they have left is cleared away. */
const BATCH = 64

/** Differences after which it is not worth to go on. */
const DIFFERENCE_LIMIT = 10

/** An input that the two sides read in different ways. */
export interface Difference {
  readonly part: PartName
  readonly seed: number
  readonly index: number
  readonly what: string
  readonly input: Input
  /** Null where we threw. */
  readonly ours: Reading | null
  readonly theirs: Reading | null
}

export interface Outcome {
  inputCount: number
  /** How many inputs there were of each kind of agreement, by part and kind. */
  readonly shares: Map<string, number>
  readonly differences: Difference[]
}

export interface FuzzOptions {
  readonly parts: readonly Part[]
  readonly seed: number
  /** Index of the first input. */
  readonly from: number
  /** Inputs in all, which the parts share. */
  readonly count: number
  /** Called after each batch; returns whether to go on. */
  readonly onBatch?: (outcome: Outcome) => boolean
}

/** Reads until it has read them all, is told to stop, or has found too much. */
export async function fuzz({ parts, seed, from, count, onBatch }: FuzzOptions): Promise<Outcome> {
  const outcome: Outcome = { inputCount: 0, shares: new Map(), differences: [] }
  const random = new Random()
  for (let turn = 0; outcome.inputCount < count; turn++) {
    const part = parts[turn % parts.length]!
    const first = from + Math.floor(turn / parts.length) * BATCH
    const inputs = Array.from(
      { length: Math.min(BATCH, count - outcome.inputCount) },
      (_, i): Input => {
        random.reset(seed, first + i)
        return part.makeInput(random)
      },
    )
    const results = await readAll(part, inputs)
    for (const [i, result] of results.entries()) {
      note(outcome, { part: part.name, seed, index: first + i, input: inputs[i]! }, result)
    }
    await setImmediate()
    const goesOn = onBatch === undefined || onBatch(outcome)
    if (!goesOn || outcome.differences.length >= DIFFERENCE_LIMIT) break
  }
  return outcome
}

/** Where one of them throws, they are read again one by one, to find out which. */
async function readAll(
  part: Part,
  inputs: readonly Input[],
): Promise<readonly (Result | { readonly error: unknown })[]> {
  try {
    return await part.read(inputs)
  } catch (error) {
    if (inputs.length === 1) return [{ error }]
    const alone: (Result | { readonly error: unknown })[] = []
    for (const input of inputs) alone.push(...(await readAll(part, [input])))
    return alone
  }
}

function note(
  outcome: Outcome,
  made: Pick<Difference, 'part' | 'seed' | 'index' | 'input'>,
  result: Result | { readonly error: unknown },
): void {
  outcome.inputCount++
  if ('error' in result) {
    const what = `an exception: ${String(result.error)}`
    outcome.differences.push({ ...made, what, ours: null, theirs: null })
    return
  }
  const { verdict, ours, theirs } = result
  if (!verdict.isSame) {
    outcome.differences.push({ ...made, what: verdict.what, ours, theirs })
    return
  }
  const share = `${made.part}: ${verdict.share}`
  outcome.shares.set(share, (outcome.shares.get(share) ?? 0) + 1)
}
