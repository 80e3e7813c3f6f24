/**
 * What the story plays with, and how it is watched: by polling the admin API as any client would, and by what the
 * users are answered meanwhile.
 */

import { setTimeout as sleep } from 'node:timers/promises'
import type { RolloutView, RouteView } from '../../api/schema.ts'
import type { AdminClient } from '../client.ts'
import { CommandError, EXIT } from '../exit.ts'
import { count, percent, ratio } from '../format.ts'
import type { Paint } from '../paint.ts'
import { hasEnded } from '../phase.ts'
import type { Screen } from '../screen.ts'
import type { Ledger } from './ledger.ts'
import { bar, panelLines, type Picture, pictureLine } from './panel.ts'

export interface Stage {
  readonly client: Pick<AdminClient, 'start' | 'rollout' | 'route'>
  readonly screen: Screen
  readonly paint: Paint
  /** Aborted, with the reason, when the play must stop. */
  readonly signal: AbortSignal
  readonly ratePerSecond: number
  readonly userCount: number
  /** Scheme, host and port of the canary itself, where its fault is switched. */
  readonly canaryOrigin: string
  /** How long the users are watched before the story and after each rollout. */
  readonly pauseMs: number
  /** From now on, requests that are sent count there. */
  count(ledger: Ledger): void
}

/** One weight of the canary, as it was seen from outside. */
export interface Stretch {
  /** Percent. */
  readonly weight: number
  readonly ms: number
}

const LOOK_EVERY_MS = 100
const LINE_EVERY_MS = 2_000
const BAR_WIDTH = 20
/** A rollout that takes longer has failed. */
const ROLLOUT_LIMIT_MS = 60_000

/** Starts a rollout and watches it to its end, telling of each weight as it is left. */
export async function playRollout(
  stage: Stage,
  ledger: Ledger,
  body: { readonly route: string; readonly [member: string]: unknown },
): Promise<{ readonly ended: RolloutView; readonly stretches: readonly Stretch[] }> {
  stage.count(ledger)
  const { id } = await stage.client.start(body)
  const stretches: Stretch[] = []
  const limitAtMs = performance.now() + ROLLOUT_LIMIT_MS
  let open: Opening | null = null
  for await (const picture of looks(stage, { ledger, route: body.route, rollout: id })) {
    const { rollout } = picture
    if (rollout === null) continue
    const isOver = hasEnded(rollout)
    if (open !== null && (isOver || rollout.weight !== open.weight)) {
      stretches.push(close(stage, ledger, open))
      open = null
    }
    if (isOver) return { ended: rollout, stretches }
    open ??= openAt(ledger, rollout)
    if (performance.now() > limitAtMs) break
  }
  throw new CommandError(
    EXIT.failure,
    `the demo's rollout "${id}" did not end within ${ROLLOUT_LIMIT_MS / 1_000} s`,
  )
}

/** Watches a route for a while. Resolves to it as it was last seen. */
export async function watchFor(stage: Stage, forMs: number, watched: Watched): Promise<RouteView> {
  stage.count(watched.ledger)
  const untilMs = performance.now() + forMs
  for await (const { route } of looks(stage, watched)) {
    if (performance.now() >= untilMs) return route
  }
  throw stage.signal.reason
}

export interface Watched {
  readonly ledger: Ledger
  readonly route: string
  /** Id; null: none is shown. */
  readonly rollout: string | null
}

/** Looks and draws ten times a second until the caller has seen enough. Throws the signal's reason. */
async function* looks(stage: Stage, watched: Watched): AsyncGenerator<Picture> {
  const { client, screen, signal } = stage
  let lineAtMs = performance.now() + LINE_EVERY_MS
  for (;;) {
    signal.throwIfAborted()
    const [route, rollout] = await Promise.all([
      client.route(watched.route),
      watched.rollout === null ? null : client.rollout(watched.rollout),
    ])
    const picture: Picture = {
      route,
      rollout,
      users: watched.ledger,
      ratePerSecond: stage.ratePerSecond,
      nowMs: Date.now(),
    }
    screen.draw(panelLines(picture, stage.paint))
    if (!screen.isLive && performance.now() >= lineAtMs) {
      screen.append(`    ${pictureLine(picture)}`)
      lineAtMs += LINE_EVERY_MS
    }
    yield picture
    await sleep(LOOK_EVERY_MS, undefined, { signal }).catch(() => {})
  }
}

interface Opening {
  readonly weight: number
  readonly atMs: number
  readonly canary: Ledger['canary']
  readonly all: Ledger['all']
  readonly upstream: string
}

function openAt(ledger: Ledger, rollout: RolloutView): Opening {
  return {
    weight: rollout.weight,
    atMs: performance.now(),
    canary: ledger.canary,
    all: ledger.all,
    upstream: rollout.to,
  }
}

function close({ screen, paint }: Stage, ledger: Ledger, open: Opening): Stretch {
  const ms = performance.now() - open.atMs
  const allCount = ledger.all.requestCount - open.all.requestCount
  const canaryCount = ledger.canary.requestCount - open.canary.requestCount
  const errorCount = ledger.all.errorCount - open.all.errorCount
  const { full, empty } = bar(open.weight / 100, BAR_WIDTH)
  const failed = `${count(errorCount)} failed`
  screen.append(
    [
      `  ${percent(open.weight).padStart(5)}  ${paint('yellow', full)}${paint('dim', empty)}`,
      `${(ms / 1_000).toFixed(1)} s`,
      `${count(canaryCount)} of ${count(allCount)} requests on ${open.upstream} (${ratio(canaryCount / allCount)}), ${errorCount > 0 ? paint('red', failed) : failed}`,
    ].join('  '),
  )
  return { weight: open.weight, ms }
}
