/**
 * `explain`: a verdict of the past, computed again from what the journal kept of it.
 *
 * It is computed here and not on the server, so that who doubts the verdict needs not trust the one who gave it.
 */

import type { Decision } from '../../analyzer/guard/evidence.ts'
import { type DecisionRecord, replay } from '../../analyzer/guard/guard.ts'
import { explain } from '../../analyzer/guard/sentence.ts'
import { replayStep } from '../../analyzer/guard/step-promotion.ts'
import { power, thousands } from '../../analyzer/guard/words.ts'
import type { DecisionView } from '../api/evidence-view.ts'
import type { EventView } from '../api/schema.ts'
import { type DemandReplay, replayDemand } from '../providers/replay.ts'
import type { RecordedEvent, StepReplay } from './client.ts'
import type { Command } from './command.ts'
import { type Context, print } from './context.ts'
import { CommandError, EXIT, UsageError } from './exit.ts'
import { COUNT } from './kinds.ts'

export const EXPLAIN: Command = {
  name: 'explain',
  summary: 'Compute a verdict of the guard again and say whether it agrees',
  details: [
    'Takes what the guard knew and what had settled since from the journal, decides again, and compares. Of a metric it',
    'is the last answer of the provider, and the counts before it as they were; of Kayenta all points.',
    'Ends with 0 when the two agree, and with 1 when they do not. Verdicts are the events of type "alarm".',
  ],
  examples: ['sluice explain --verdict 42'],
  arguments: [],
  options: [
    {
      name: 'verdict',
      kind: { ...COUNT, metavar: 'SEQ' },
      isRequired: true,
      summary: 'sequence number of the event, as sluice events shows it',
    },
  ],
  run: async (given, context) => {
    const seq = Number(given.required('verdict'))
    const event = await context.client().event(seq)
    if (event.replay != null && 'kind' in event.replay) {
      return event.replay.kind === 'step'
        ? explainStep(context, event.seq, event.replay)
        : explainDemand(context, event, event.replay)
    }
    const { decision: recorded, record } = requireVerdict(event)
    const { decision: recomputed, sentence } = recompute(seq, record)
    const agrees = recomputed !== null && isSame(recorded, recomputed)
    const found = {
      seq,
      agrees,
      recorded,
      recomputed: recomputed === null ? null : viewOf(recomputed),
      sentence,
    }
    print(context, found, () => [comparison(found), sentence])
    return agrees ? EXIT.ok : EXIT.failure
  },
}

/** Of a step that had enough evidence: the bets are made again on all that was seen. */
function explainStep(context: Context, seq: number, record: StepReplay): number {
  const { log10, limitLog10 } = attempt(seq, () => replayStep(record))
  const { log10: recorded, counts } = record
  const agrees = isNear(log10, recorded) && log10 >= limitLog10
  const limit = limitLog10
  const found = { seq, agrees, recorded, recomputed: log10, limit, counts }
  const what = record.isSticky ? 'units' : 'requests'
  const sum = (read: (one: (typeof counts)[number]) => number) =>
    thousands(counts.reduce((total, one) => total + read(one), 0))
  const seen = `${sum((one) => one.canaryOkCount)} ${what} of the canary went well, ${sum((one) => one.canaryBadCount)} failed, ${sum((one) => one.stableBadCount)} of stable failed`
  print(context, found, () => [
    agrees
      ? `Verdict ${seq} agrees: evidence that the canary is good ${power(log10)} to one of ${power(limit)}, recorded and computed again`
      : `Verdict ${seq} DISAGREES: recorded is evidence of 10^${recorded} to one of 10^${limit}, computed again is 10^${log10}`,
    seen,
  ])
  return agrees ? EXIT.ok : EXIT.failure
}

/** A demand agrees when the sentence that it was given with comes out again, in which all its numbers stand. */
function explainDemand(context: Context, { seq, reason }: EventView, demand: DemandReplay): number {
  const { sentence, hasAnswer } = attempt(seq, () => replayDemand(demand))
  const agrees = reason.startsWith(sentence)
  const found = { seq, agrees, recorded: reason, recomputed: sentence, hasAnswer }
  const by = hasAnswer
    ? 'recorded and computed again'
    : 'recorded and counted again; the answer of the provider is not kept'
  print(context, found, () =>
    agrees
      ? [`Verdict ${seq} agrees: ${by}`, sentence]
      : [`Verdict ${seq} DISAGREES: recorded is "${reason}", computed again is "${sentence}"`],
  )
  return agrees ? EXIT.ok : EXIT.failure
}

type Reached = Omit<DecisionView, 'sentence'>

function requireVerdict({ seq, type, decision, replay: record }: RecordedEvent): {
  readonly decision: DecisionView
  readonly record: DecisionRecord
} {
  if (type === 'verdict') {
    throw new UsageError(
      `event ${seq} judges success criteria, and the windows that they saw are not kept; only what the evidence decided (events of type "alarm") can be computed again`,
    )
  }
  if (decision === undefined && type === 'alarm') {
    throw new UsageError(
      `event ${seq} was demanded by a metric, and what it saw is not kept: it was too large, or an earlier Sluice wrote it`,
    )
  }
  if (decision === undefined) {
    throw new UsageError(
      `event ${seq} is no verdict of the guard but of type "${type}"; verdicts are of type "alarm" in sluice events --output json`,
    )
  }
  if (record === undefined || record === null || 'kind' in record) {
    throw new CommandError(
      EXIT.failure,
      `cannot compute event ${seq} again: it was decided before a restart, and what it was decided by is gone`,
    )
  }
  return { decision, record }
}

function recompute(
  seq: number,
  { config, plan, ...story }: DecisionRecord,
): { readonly decision: Decision | null; readonly sentence: string } {
  return attempt(seq, () => {
    const evidence = replay(config, plan, story)
    return { decision: evidence.decision, sentence: explain(evidence) }
  })
}

function attempt<Found>(seq: number, work: () => Found): Found {
  try {
    return work()
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new CommandError(EXIT.failure, `cannot compute event ${seq} again: ${why}`, [
      'was it written by another version of Sluice?',
    ])
  }
}

/** Of decimal logarithms: what another machine's logarithms and exponentials may differ by, and much less than matters. */
const SAME_WITHIN = 1e-9

function isSame(recorded: DecisionView, { action, by, log10, limitLog10 }: Decision): boolean {
  return (
    recorded.action === action &&
    recorded.by === by &&
    isNear(recorded.evidence, log10) &&
    isNear(recorded.limit, limitLog10)
  )
}

function isNear(a: number, b: number): boolean {
  return Math.abs(a - b) <= SAME_WITHIN * Math.max(1, Math.abs(a), Math.abs(b))
}

function viewOf({ action, by, log10, limitLog10 }: Decision): Reached {
  return { action, by, evidence: log10, limit: limitLog10 }
}

function comparison(found: {
  readonly seq: number
  readonly agrees: boolean
  readonly recorded: Reached
  readonly recomputed: Reached | null
}): string {
  const { seq, agrees, recorded, recomputed } = found
  if (agrees) return `Verdict ${seq} agrees: ${reachedLine(recorded)}, recorded and computed again`
  const again = recomputed === null ? 'undecided' : reachedLine(recomputed, digitsFor(found))
  return `Verdict ${seq} DISAGREES: recorded is ${reachedLine(recorded, digitsFor(found))}, computed again is ${again}`
}

function reachedLine({ action, by, evidence, limit }: Reached, isExact = false): string {
  const [reached, needed] = isExact
    ? [`10^${evidence}`, `10^${limit}`]
    : [power(evidence), power(limit)]
  return `${action} by "${by}" on evidence ${reached} to one of ${needed}`
}

/** Whether the two would read the same when rounded. */
function digitsFor({
  recorded,
  recomputed,
}: {
  readonly recorded: Reached
  readonly recomputed: Reached | null
}): boolean {
  return recomputed !== null && reachedLine(recorded) === reachedLine(recomputed)
}
