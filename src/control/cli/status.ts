/**
 * `status`: where the traffic goes, what runs, and why it waits.
 */

import { setTimeout as sleep } from 'node:timers/promises'
import type { Command, Given } from './command.ts'
import { type Context, say } from './context.ts'
import { CommandError, EXIT } from './exit.ts'
import { createScreen } from './screen.ts'
import { oneOf } from './kinds.ts'
import { detailLines, overviewTable, tickerLine } from './status-lines.ts'
import type { AnalysisView, EventView, RolloutView, RouteView } from '../api/schema.ts'
import { hasEnded } from './phase.ts'
import { WINDOW_NAMES, type WindowName } from '../series.ts'

/** All that a screen of status shows. */
export interface Status {
  readonly routes: readonly RouteStatus[]
  /** Of the one route that was asked for; else empty. */
  readonly events: readonly EventView[]
  /** What the guard says of its rollout, while that runs; else null. */
  readonly analysis: AnalysisView | null
}

export interface RouteStatus {
  readonly route: RouteView
  /** The running rollout, else the newest; null: there was none. */
  readonly rollout: RolloutView | null
}

const LIVE_EVERY_MS = 500
const LINE_EVERY_MS = 2_000
/** Of the journal, below one route. */
const EVENTS_SHOWN = 5

export const STATUS: Command = {
  name: 'status',
  summary: 'Show the routes, or one route with its rollout',
  details: [
    'With --watch the screen is drawn anew until the rollout has ended or you interrupt; where the output is no',
    'terminal, a line is appended every two seconds.',
  ],
  examples: ['sluice status', 'sluice status shop --watch'],
  arguments: [{ name: 'ROUTE', summary: 'a route of the configuration', isOptional: true }],
  options: [
    { name: 'watch', short: 'w', summary: 'go on until the rollout has ended' },
    {
      name: 'window',
      kind: oneOf('WINDOW', WINDOW_NAMES),
      default: '1m',
      summary: `how much of the past the numbers cover: ${WINDOW_NAMES.join(', ')}`,
    },
  ],
  run: async (given, context) => {
    if (given.isOn('watch')) return watch(given, context)
    const status = await read(given, context)
    if (context.format === 'json')
      context.stdout.write(`${JSON.stringify(json(given, status), null, 2)}\n`)
    else context.stdout.write(`${screenOf(given, context, status).join('\n')}\n`)
    return EXIT.ok
  },
}

async function read(given: Given, context: Context): Promise<Status> {
  const client = context.client()
  const name = given.text('ROUTE')
  if (name === undefined) {
    const [{ routes }, { rollouts }] = await Promise.all([client.routes(), client.rollouts()])
    return {
      routes: routes.map((route) => ({ route, rollout: newestOf(route.name, rollouts) })),
      events: [],
      analysis: null,
    }
  }
  const [route, { rollouts }] = await Promise.all([client.route(name), client.rollouts()])
  const rollout = newestOf(name, rollouts)
  if (rollout === null) {
    return { routes: [{ route, rollout }], events: [], analysis: null }
  }
  const [{ events }, analysis] = await Promise.all([
    client.events({ after: 0, limit: 1_000, rollout: rollout.id }),
    hasEnded(rollout) ? null : client.analysis(rollout.id),
  ])
  return { routes: [{ route, rollout }], events: events.slice(-EVENTS_SHOWN), analysis }
}

/** Newest first is how the API lists them; a running one comes before newer ones that have ended. */
function newestOf(route: string, rollouts: readonly RolloutView[]): RolloutView | null {
  const own = rollouts.filter((rollout) => rollout.route === route)
  return own.find((rollout) => !hasEnded(rollout)) ?? own[0] ?? null
}

async function watch(given: Given, context: Context): Promise<number> {
  const screen = createScreen(context.stdout, context.isLive && context.format === 'table')
  const everyMs = screen.isLive ? LIVE_EVERY_MS : LINE_EVERY_MS
  let isAway = false
  try {
    while (!context.interrupted.aborted) {
      try {
        const status = await read(given, context)
        isAway = false
        if (context.format === 'json') screen.append(JSON.stringify(json(given, status)))
        else if (screen.isLive) screen.draw(screenOf(given, context, status))
        else {
          const { analysis } = status
          for (const one of status.routes) {
            screen.append(tickerLine(one, { window: windowOf(given), analysis }))
          }
        }
        if (isOver(given, status)) return EXIT.ok
      } catch (error) {
        if (context.interrupted.aborted) break
        const isLost = error instanceof CommandError && error.exitCode === EXIT.unreachable
        if (!isLost || isAway) throw error
        say(context, `${error.message}; trying again`)
        isAway = true
      }
      await sleep(everyMs, undefined, { signal: context.interrupted }).catch(() => {})
    }
    return EXIT.interrupted
  } finally {
    screen.close()
  }
}

function isOver(given: Given, status: Status): boolean {
  if (given.text('ROUTE') === undefined) return false
  return status.routes.every(({ rollout }) => rollout === null || hasEnded(rollout))
}

function json(given: Given, status: Status): unknown {
  const [first] = status.routes
  if (given.text('ROUTE') === undefined || first === undefined) return { routes: status.routes }
  return { ...first, events: status.events, analysis: status.analysis }
}

function screenOf(given: Given, context: Context, status: Status): readonly string[] {
  const window = windowOf(given)
  const [first] = status.routes
  if (given.text('ROUTE') !== undefined && first !== undefined) {
    return detailLines(first, {
      window,
      events: status.events,
      analysis: status.analysis,
      paint: context.paint,
      nowMs: Date.now(),
    })
  }
  return overviewTable(status.routes, { window, paint: context.paint })
}

function windowOf(given: Given): WindowName {
  const window = given.required('window')
  return WINDOW_NAMES.find((name) => name === window) ?? WINDOW_NAMES[0]
}
