/**
 * The traffic shapes: six ways in which healthy traffic is not what a naive test believes.
 *
 * In all of them canary and stable are the same. Also in all of them: 2 % are answered 4xx, latencies drift by 30 %
 * within ten minutes, and every ten minutes or so everything takes twice as long for half a minute.
 */

import type { Random } from './random.ts'
import type { Conditions } from './trace.ts'

export interface Shape {
  readonly name: string
  readonly words: string
  /** Weight steps after the first. */
  readonly stepCount: number
  /** Returns what holds at each second from 0 to the horizon; times are asked for in ascending order. */
  readonly open: (random: Random, horizonS: number) => (atS: number) => Conditions
}

type Change = (atS: number, now: Conditions) => void

function shape(
  name: string,
  words: string,
  base: Partial<Conditions>,
  change: (random: Random, horizonS: number) => Change = () => () => undefined,
): Shape {
  return {
    name,
    words,
    stepCount: name === 'S5' ? RAMP.length - 1 : 0,
    open: (random, horizonS) => {
      const now: Conditions = {
        requestsPerSecond: 100,
        weight: 0.05,
        failedRatio: 0.001,
        clientErrorRatio: 0.02,
        latencyScale: 1,
        ...base,
      }
      const apply = change(random, horizonS)
      const isSlow = bursts(random, horizonS, { everyS: 600, meanS: 30 })
      const phase = random.uniform()
      return (atS) => {
        apply(atS, now)
        now.latencyScale =
          (1 + 0.3 * Math.sin(2 * Math.PI * (atS / 600 + phase))) * (isSlow(atS) ? 2 : 1)
        return now
      }
    },
  }
}

const RAMP = [0.01, 0.05, 0.25, 0.5, 0.75]

export const SHAPES: readonly Shape[] = [
  shape('S1', 'constant, 100 requests/s, 0.1 % fail', {}),
  shape(
    'S2',
    'a day in the horizon: 20 to 200 requests/s, 0.014 to 0.74 % fail',
    {},
    (random, horizonS) => {
      const [traffic, errors] = [random.uniform(), random.uniform()]
      return (atS, now) => {
        const turn = atS / horizonS
        now.requestsPerSecond = 63.2 * Math.exp(1.151 * Math.sin(2 * Math.PI * (turn + traffic)))
        now.failedRatio = 0.001 * Math.exp(2 * Math.sin(2 * Math.PI * (turn + errors)))
      }
    },
  ),
  shape(
    'S3',
    'shared outages: about every 30 min for 30 s 30 % of both fail',
    {},
    (random, horizonS) => {
      const isOut = bursts(random, horizonS, { everyS: 1_800, meanS: 30 })
      return (atS, now) => {
        now.failedRatio = isOut(atS) ? 0.3 : 0.001
      }
    },
  ),
  shape('S4', 'little: 2 requests/s, 1 % fail', { requestsPerSecond: 2, failedRatio: 0.01 }),
  shape(
    'S5',
    'a ramp of 1, 5, 25, 50, 75 % while failures rise from 0.1 to 0.5 % (Simpson)',
    {},
    (_, horizonS) => (atS, now) => {
      const step = Math.floor((atS / horizonS) * RAMP.length)
      now.weight = RAMP[Math.min(RAMP.length - 1, step)]!
      now.failedRatio = 0.001 * (1 + 4 * Math.min(1, atS / horizonS))
    },
  ),
  shape('S6', 'a thin canary: 10 requests/s, 1 % of them on it', {
    requestsPerSecond: 10,
    weight: 0.01,
  }),
]

/** Returns whether a moment lies in one of the bursts that come at random; moments are asked for in order. */
export function bursts(
  random: Random,
  horizonS: number,
  { everyS, meanS }: { readonly everyS: number; readonly meanS: number },
): (atS: number) => boolean {
  const spans: (readonly [number, number])[] = []
  for (let atS = random.exponential(everyS); atS < horizonS;) {
    const endS = atS + random.exponential(meanS)
    spans.push([atS, endS])
    atS = endS + random.exponential(everyS)
  }
  let next = 0
  return (atS) => {
    while (next < spans.length && spans[next]![1] <= atS) next++
    return next < spans.length && spans[next]![0] <= atS
  }
}
