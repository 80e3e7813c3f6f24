/** What both sides are given to read: bytes, where they are cut, and whether they end. */

import type { Random } from './random.ts'

export interface Input {
  /** Of the request that is answered; empty where requests are read. */
  readonly method: string
  /** One character is one byte. */
  readonly text: string
  /** Where it is cut, ascending, none of them at either end. */
  readonly cuts: readonly number[]
  /** Whether the connection is closed after the last byte. */
  readonly isEnded: boolean
}

/** Bytes of an input at most; mutations do not add to a longer one. */
export const INPUT_BYTES = 16 * 1024

/** Whole, in two, in a few pieces, at the line ends, or byte by byte. */
export function randomCuts(random: Random, text: string): readonly number[] {
  const kind = random.below(16)
  if (kind < 4 || text.length < 2) return []
  if (kind < 8) return [1 + random.below(text.length - 1)]
  if (kind === 15 && text.length < 512)
    return Array.from({ length: text.length - 1 }, (_, i) => i + 1)
  const cuts = new Set<number>()
  for (let i = random.below(6); i >= 0; i--) {
    let cut = 1 + random.below(text.length - 1)
    if (kind > 11) cut = text.indexOf(random.pick(['\r', '\n', ':', ' ']), cut)
    if (cut > 0) cuts.add(cut)
  }
  return [...cuts].toSorted((a, b) => a - b)
}

/** The pieces of it, which share their memory. */
export function pieces(bytes: Buffer, cuts: readonly number[]): readonly Buffer[] {
  const parts: Buffer[] = []
  let from = 0
  for (const cut of cuts) {
    parts.push(bytes.subarray(from, cut))
    from = cut
  }
  parts.push(bytes.subarray(from))
  return parts
}
