/**
 * A small client of the admin API: one method for each thing that a command asks.
 *
 * Every POST carries a random Idempotency-Key, so that the client may send it again when the connection breaks:
 * the server does the work once and gives the kept answer. undici's RetryAgent was rejected: it retries by method
 * and leaves POST alone.
 */

import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { Agent, type Dispatcher, request } from 'undici'
import type { DecisionRecord } from '../../analyzer/guard/guard.ts'
import type { StepRecord } from '../../analyzer/guard/step-promotion.ts'
import type { DemandReplay } from '../providers/replay.ts'
import { CommandError, EXIT } from './exit.ts'
import { isConnectionFailure, problemOf, unreachable } from './failure.ts'
import type { AnalysisView, EventView, RolloutView, RouteView } from '../api/schema.ts'
import type { FlagList, FlagPage, FlagView } from '../api/flag-view.ts'
import type { UpstreamList, UpstreamView } from '../api/upstream-view.ts'

export type Verb = 'promote' | 'pause' | 'resume' | 'abort' | 'retry'

export type FlagVerb = 'ramp' | 'audience' | 'approve' | 'off'

export interface EventPage {
  readonly events: readonly EventView[]
  /** The newest sequence number in the journal. */
  readonly last: number
}

/** What a start is answered; a server of an earlier version warns of nothing. */
export type StartedRollout = RolloutView & { readonly warnings?: readonly string[] }

/** What the evidence of a step was reached by. */
export type StepReplay = StepRecord & { readonly kind: 'step' }

/** An event by itself: an alarm has what it was decided by. */
export type RecordedEvent = EventView & {
  readonly replay?: DecisionRecord | DemandReplay | StepReplay | null
}

export interface AdminClient {
  /** Base address without a slash at the end. */
  readonly server: string
  routes(): Promise<{ readonly routes: readonly RouteView[] }>
  route(name: string): Promise<RouteView>
  upstreams(): Promise<UpstreamList>
  upstream(name: string): Promise<UpstreamView>
  flags(): Promise<FlagList>
  flag(key: string): Promise<FlagPage>
  createFlag(body: unknown): Promise<FlagView>
  /** `generation`: refuse with 412 when the flag is at another one. */
  changeFlag(key: string, verb: FlagVerb, body: unknown, generation?: number): Promise<FlagView>
  deleteFlag(key: string): Promise<FlagView>
  rollouts(): Promise<{ readonly rollouts: readonly RolloutView[] }>
  /** By id, or by a route's name: its running rollout, else its newest. */
  rollout(idOrRoute: string, signal?: AbortSignal): Promise<RolloutView>
  /** What the guard says of it. */
  analysis(idOrRoute: string): Promise<AnalysisView>
  start(body: unknown): Promise<StartedRollout>
  /** `generation`: refuse with 412 when the rollout is at another one. */
  act(idOrRoute: string, verb: Verb, body: unknown, generation?: string): Promise<RolloutView>
  event(seq: number): Promise<RecordedEvent>
  events(query: { after: number; limit?: number; rollout?: string }): Promise<EventPage>
  /** Opens the live stream of events, of one rollout or all; without `after`: from now on. */
  stream(
    query: { after?: number; rollout?: string },
    signal: AbortSignal,
  ): Promise<Dispatcher.ResponseData>
  close(): Promise<void>
}

export interface ClientOptions {
  readonly server: string
  readonly token?: string
  /** Ends what is under way. */
  readonly signal?: AbortSignal
}

const CONNECT_TIMEOUT_MS = 3_000
const ANSWER_TIMEOUT_MS = 15_000
/** Above the server's heartbeat of 15 s. */
const STREAM_SILENCE_MS = 40_000
/** Waits before the second and third try; there is no fourth. */
const RETRY_DELAYS_MS = [200, 600]

interface Ask {
  readonly method: 'GET' | 'POST' | 'DELETE'
  readonly path: string
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
  /** Beside the client's own. */
  readonly signal?: AbortSignal | undefined
}

export function createClient(options: ClientOptions): AdminClient {
  const server = options.server.replace(/\/+$/, '')
  const agent = new Agent({ connect: { timeout: CONNECT_TIMEOUT_MS } })
  const auth: Record<string, string> =
    options.token === undefined ? {} : { authorization: `Bearer ${options.token}` }
  const signalOf = (own?: AbortSignal): AbortSignal =>
    AbortSignal.any([options.signal, own].filter((signal) => signal !== undefined))

  const send = async (ask: Ask): Promise<Dispatcher.ResponseData> =>
    request(server + ask.path, {
      dispatcher: agent,
      method: ask.method,
      headers: {
        accept: 'application/json',
        ...auth,
        ...(ask.body === undefined ? {} : { 'content-type': 'application/json' }),
        ...ask.headers,
      },
      body: ask.body === undefined ? null : JSON.stringify(ask.body),
      headersTimeout: ANSWER_TIMEOUT_MS,
      bodyTimeout: ANSWER_TIMEOUT_MS,
      signal: signalOf(ask.signal),
    })

  const once = async <T>(ask: Ask): Promise<T> => {
    const response = await send(ask)
    const text = await response.body.text()
    if (response.statusCode >= 400) throw problemOf(response.statusCode, parseJson(text))
    try {
      // Trusted to be as the schema says: a new member or phase must not break an old client.
      const answer: T = JSON.parse(text)
      return answer
    } catch {
      throw new CommandError(EXIT.failure, `${server} does not answer as Sluice's admin API does`)
    }
  }

  const ask = async <T>(what: Ask, tryIndex = 0): Promise<T> => {
    try {
      return await once<T>(what)
    } catch (error) {
      const delayMs = RETRY_DELAYS_MS[tryIndex]
      if (!isWorthRetry(error, tryIndex) || delayMs === undefined) throw unreachable(error, server)
      await sleep(delayMs, undefined, { signal: signalOf(what.signal) })
      return ask<T>(what, tryIndex + 1)
    }
  }

  const get = <T>(path: string): Promise<T> => ask<T>({ method: 'GET', path })
  const post = <T>(path: string, body: unknown, headers = {}): Promise<T> =>
    ask<T>({
      method: 'POST',
      path,
      body,
      headers: { 'idempotency-key': randomUUID(), ...headers },
    })

  return {
    server,
    routes: () => get('/v1/routes'),
    route: (name) => get(`/v1/routes/${encodeURIComponent(name)}`),
    upstreams: () => get('/v1/upstreams'),
    upstream: (name) => get(`/v1/upstreams/${encodeURIComponent(name)}`),
    flags: () => get('/v1/flags'),
    flag: (key) => get(flagPath(key)),
    createFlag: (body) => post('/v1/flags', body),
    changeFlag: (key, verb, body, generation) =>
      post(
        `${flagPath(key)}/${verb}`,
        body,
        generation === undefined ? {} : { 'if-match': `"${generation}"` },
      ),
    deleteFlag: (key) => ask({ method: 'DELETE', path: flagPath(key) }),
    rollouts: () => get('/v1/rollouts'),
    rollout: (idOrRoute, signal) =>
      ask({ method: 'GET', path: `/v1/rollouts/${encodeURIComponent(idOrRoute)}`, signal }),
    analysis: (idOrRoute) => get(`/v1/rollouts/${encodeURIComponent(idOrRoute)}/analysis`),
    start: (body) => post('/v1/rollouts', body),
    act: (idOrRoute, verb, body, generation) =>
      post(
        `/v1/rollouts/${encodeURIComponent(idOrRoute)}/${verb}`,
        body,
        generation === undefined ? {} : { 'if-match': `"${generation}"` },
      ),
    event: (seq) => get(`/v1/events/${seq}`),
    events: (query) => {
      const params = new URLSearchParams(
        Object.entries(query).map(([name, value]): [string, string] => [name, String(value)]),
      )
      return get(`/v1/events?${params.toString()}`)
    },
    stream: async ({ after, rollout }, streamSignal) => {
      const filter = rollout === undefined ? '' : `?rollout=${encodeURIComponent(rollout)}`
      const response = await request(`${server}/v1/events/stream${filter}`, {
        dispatcher: agent,
        headers: {
          accept: 'text/event-stream',
          ...auth,
          ...(after === undefined ? {} : { 'last-event-id': String(after) }),
        },
        headersTimeout: ANSWER_TIMEOUT_MS,
        bodyTimeout: STREAM_SILENCE_MS,
        signal: signalOf(streamSignal),
      })
      if (response.statusCode !== 200) {
        throw problemOf(response.statusCode, parseJson(await response.body.text()))
      }
      return response
    },
    close: () => agent.destroy(),
  }
}

function flagPath(key: string): string {
  return `/v1/flags/${encodeURIComponent(key)}`
}

/** After a broken connection; and when the first try, whose answer was lost, is still being worked on. */
function isWorthRetry(error: unknown, tryIndex: number): boolean {
  if (isConnectionFailure(error)) return true
  return tryIndex > 0 && error instanceof CommandError && error.code === 'requestInFlight'
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
