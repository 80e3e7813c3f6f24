/** The hostile cases as texts to mutate: random grammar would find few of them by itself. */

import { readFileSync } from 'node:fs'
import { INPUT_BYTES } from './input.ts'

interface Seed {
  /** Of the request that is answered. */
  readonly method: string
  readonly text: string
}

interface Case {
  readonly side: string
  readonly raw: string
  /** `raw` stands for something longer. */
  readonly expand?: boolean
  readonly request?: string
}

const cases: readonly Case[] = JSON.parse(
  readFileSync(new URL('../hostile/cases.json', import.meta.url), 'utf8'),
)

export const REQUEST_SEEDS: readonly Seed[] = seedsOf('client-h1')
export const ANSWER_SEEDS: readonly Seed[] = seedsOf('upstream-h1')

function seedsOf(side: string): readonly Seed[] {
  return cases
    .filter((one) => one.side === side && one.expand !== true)
    .filter(({ raw }) => raw !== '' && raw.length <= INPUT_BYTES)
    .map(({ raw, request }) => ({ method: request?.split(' ')[0] ?? 'GET', text: raw }))
}
