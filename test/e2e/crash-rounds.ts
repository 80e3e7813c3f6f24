/**
 * Kills a working Sluice with SIGKILL at random moments, starts it again, and looks whether it kept its word:
 * every acknowledged action is there, at the step and weight that were acknowledged, in a file that is whole.
 *
 * The plan has only steps that wait for a person and no guard, so that nothing but the acknowledged actions,
 * the one that was under way and the restart itself may have changed a rollout.
 */

import { DatabaseSync } from 'node:sqlite'
import { startShopPair } from './shop-pair.ts'
import { type SluiceProcess, startSluice } from './sluice-process.ts'

/** The part of a rollout that an acknowledgement promises. */
interface Acknowledged {
  readonly id: string
  readonly to: string
  readonly phase: string
  readonly weight: number
  readonly generation: number
  readonly step: { readonly index: number } | null
}

/** Gives 0 up to, not including, 1. */
export type Random = () => number

export interface CrashOptions {
  readonly rounds: number
  readonly random: Random
  readonly folder: string
  readonly log: (line: string) => void
}

export interface CrashResult {
  readonly rounds: number
  readonly acknowledgedCount: number
  /** Rounds in which an action was under way when the process died. */
  readonly interruptedCount: number
  readonly requestCount: number
  /** One sentence each; empty when every promise was kept. */
  readonly faults: readonly string[]
}

const ROUTE = 'shop'
const STEPS = [
  { setWeight: 5 },
  { pause: {} },
  { setWeight: 25 },
  { pause: {} },
  { setWeight: 50 },
  { pause: {} },
  { setWeight: 100 },
  { pause: {} },
]

/** Longest time that one round works before it is killed. */
const ROUND_MS = 400

export async function runCrashRounds(options: CrashOptions): Promise<CrashResult> {
  const shops = await startShopPair()
  const faults: string[] = []
  let acknowledgedCount = 0
  let interruptedCount = 0
  let requestCount = 0
  let acknowledged: readonly Acknowledged[] = []
  let sluice: SluiceProcess | undefined
  try {
    for (let round = 0; round < options.rounds; round++) {
      // rounds follow each other: each starts from what the one before has left
      sluice = await startSluice({ folder: options.folder, shops })
      faults.push(...(await brokenPromises(sluice, round, acknowledged)))
      const load = startLoad(sluice)
      const work = startWork(sluice, await newest(sluice), options.random)
      await sleep(options.random() * ROUND_MS)
      await sluice.kill()
      const done = await work.stop()
      requestCount += await load.stop()
      acknowledged = done.acknowledged
      acknowledgedCount += acknowledged.length
      if (done.isInterrupted) interruptedCount++
      faults.push(...integrityFaults(round, options.folder))
      if (round % 20 === 19)
        options.log(`${round + 1} rounds, ${acknowledgedCount} actions acknowledged`)
    }
  } finally {
    await sluice?.kill()
    await shops.close()
  }
  return { rounds: options.rounds, acknowledgedCount, interruptedCount, requestCount, faults }
}

/** One transition of a rollout, as the journal tells it. */
interface Recorded {
  readonly type: string
  readonly phase: string
  readonly weight: number
  readonly step: number | null
}

/**
 * What a restarted process owes: each acknowledged action stands in the journal at its generation, and the
 * rollout is where the journal's last action left it. At most one more action may be there, the one that the
 * kill met under way.
 */
async function brokenPromises(
  sluice: SluiceProcess,
  round: number,
  acknowledged: readonly Acknowledged[],
): Promise<string[]> {
  const faults: string[] = []
  for (const id of new Set(acknowledged.map((each) => each.id))) {
    const promises = acknowledged.filter((each) => each.id === id)
    const [found, recorded] = await Promise.all([show(sluice, id), recordedOf(sluice, id)])
    if (found === null) {
      faults.push(`round ${round}: rollout ${id} was acknowledged and is gone`)
      continue
    }
    for (const promise of promises) {
      const entry = recorded[promise.generation - 1]
      if (entry === undefined || !isSame(promise, entry)) {
        faults.push(
          `round ${round}: acknowledged ${JSON.stringify(promise)}, recorded ${JSON.stringify(entry)}`,
        )
      }
    }
    const actions = recorded.filter(({ type }) => type !== 'restart')
    if (!isSame(found, actions.at(-1)!)) {
      faults.push(
        `round ${round}: ${id} is at ${JSON.stringify(found)}, its last action left ${JSON.stringify(actions.at(-1))}`,
      )
    }
    const lastPromised = Math.max(...promises.map(({ generation }) => generation))
    const later = recorded.slice(lastPromised).filter(({ type }) => type !== 'restart')
    if (later.length > 1) {
      faults.push(
        `round ${round}: ${later.length} actions are recorded after the last acknowledged one of ${id}`,
      )
    }
  }
  return faults
}

function isSame(state: Acknowledged, entry: Recorded): boolean {
  return (
    state.phase === entry.phase &&
    state.weight === entry.weight &&
    (state.step?.index ?? null) === entry.step
  )
}

/** The transitions of a rollout; the one at place n has generation n + 1. */
async function recordedOf(sluice: SluiceProcess, id: string): Promise<Recorded[]> {
  const response = await fetch(`${sluice.adminUrl}/v1/events?rollout=${id}&limit=1000`)
  const { events } = (await response.json()) as { events: Recorded[] }
  return events.filter(({ type }) => type !== 'stable')
}

function integrityFaults(round: number, folder: string): string[] {
  const database = new DatabaseSync(`${folder}/sluice.db`)
  try {
    const row = database.prepare('PRAGMA integrity_check').get()
    return row?.['integrity_check'] === 'ok'
      ? []
      : [`round ${round}: integrity_check says ${JSON.stringify(row)}`]
  } finally {
    database.close()
  }
}

async function show(sluice: SluiceProcess, id: string): Promise<Acknowledged | null> {
  const response = await fetch(`${sluice.adminUrl}/v1/rollouts/${id}`)
  return response.ok ? ((await response.json()) as Acknowledged) : null
}

async function newest(sluice: SluiceProcess): Promise<Acknowledged | null> {
  const response = await fetch(`${sluice.adminUrl}/v1/rollouts`)
  const { rollouts } = (await response.json()) as { rollouts: Acknowledged[] }
  return rollouts[0] ?? null
}

/** Acts on the rollout, one action after the other, until the process is gone. */
function startWork(sluice: SluiceProcess, from: Acknowledged | null, random: Random) {
  let last = from
  const acknowledged: Acknowledged[] = []
  let isInterrupted = false
  const stop = new AbortController()
  async function work(): Promise<void> {
    while (!stop.signal.aborted) {
      const { path, body } = nextAction(last, random)
      try {
        const response = await post(`${sluice.adminUrl}${path}`, body)
        const answer = (await response.json()) as Acknowledged
        if (!response.ok)
          throw new Error(`${path} was answered ${response.status}: ${JSON.stringify(answer)}`)
        last = answer
        acknowledged.push(answer)
      } catch (error) {
        if (!sluice.isKilled) throw error
        isInterrupted = true
        return
      }
    }
  }
  const working = work()
  return {
    async stop() {
      stop.abort()
      await working
      return { acknowledged, isInterrupted }
    },
  }
}

function nextAction(rollout: Acknowledged | null, random: Random): { path: string; body: unknown } {
  const start = {
    path: '/v1/rollouts',
    body: {
      route: ROUTE,
      to: targetAfter(rollout),
      strategy: { canary: { steps: STEPS } },
      guard: { successCriteria: '' },
    },
  }
  if (rollout === null || rollout.phase === 'promoted' || rollout.phase === 'superseded')
    return start
  const act = (verb: string, body: unknown = {}) => ({
    path: `/v1/rollouts/${rollout.id}/${verb}`,
    body,
  })
  if (rollout.phase === 'aborted' || rollout.phase === 'rolledBack')
    return random() < 0.5 ? act('retry') : start
  const draw = random()
  if (draw < 0.1) return act('abort', { reason: 'chaos' })
  if (draw < 0.2) return start
  if (draw < 0.25) return act('promote', { full: true })
  return act('promote')
}

/** The upstream that is not stable now. */
function targetAfter(rollout: Acknowledged | null): string {
  if (rollout === null) return 'shop-v2'
  if (rollout.phase !== 'promoted') return rollout.to
  return rollout.to === 'shop-v2' ? 'shop-v1' : 'shop-v2'
}

function post(url: string, body: unknown): Promise<Response> {
  return fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
}

/** Requests through the proxy, so that the process has something else to do. */
function startLoad(sluice: SluiceProcess) {
  const stop = new AbortController()
  let requestCount = 0
  async function client(): Promise<void> {
    while (!stop.signal.aborted) {
      try {
        const response = await fetch(sluice.proxyUrl)
        await response.arrayBuffer()
        requestCount++
      } catch {
        if (sluice.isKilled) return
      }
    }
  }
  const clients = Promise.all(Array.from({ length: 8 }, client))
  return {
    async stop() {
      stop.abort()
      await clients
      return requestCount
    },
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms)
  })
}
