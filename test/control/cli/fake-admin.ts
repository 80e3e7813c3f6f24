/**
 * A small admin API with state that a test sets: enough of the real one's surface for the commands, and the faults
 * that the real one would not show on demand.
 */

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { once } from 'node:events'
import { onTestFinished } from 'vitest'
import type {
  AnalysisView,
  EventView,
  RolloutView,
  RouteView,
} from '../../../src/control/api/schema.ts'
import type { UpstreamList } from '../../../src/control/api/upstream-view.ts'

export interface Asked {
  readonly method: string
  readonly path: string
  readonly headers: IncomingMessage['headers']
  readonly body: unknown
}

export interface Refusal {
  readonly status: number
  readonly code?: string
  readonly detail?: string
  readonly errors?: readonly { readonly pointer: string; readonly detail: string }[]
}

export interface FakeAdmin {
  readonly url: string
  readonly asked: Asked[]
  /** Newest first. */
  rollouts: RolloutView[]
  routes: RouteView[]
  upstreams: UpstreamList
  events: EventView[]
  /** What alarms were decided by, by their sequence numbers. */
  readonly replays: Map<number, unknown>
  /** Of each start. */
  warnings: readonly string[]
  /** Of the rollout that runs. */
  analysis: AnalysisView
  /** Answered to everything. */
  refusal: Refusal | null
  /** Answered to the next requests, one each. */
  readonly refusals: Refusal[]
  /** So many requests are cut off unanswered. */
  dropCount: number
  hasStream: boolean
  /** Adds an event and tells the streams. */
  tell(event: EventView): void
  /** Replaces the newest rollout and tells the streams, as a transition does. */
  move(change: Partial<RolloutView>): void
  cutStreams(): void
  close(): Promise<void>
}

export async function fakeAdmin(): Promise<FakeAdmin> {
  const streams = new Set<ServerResponse>()
  const server = createServer((request, response) => void serve(request, response))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0

  const fake: FakeAdmin = {
    url: `http://127.0.0.1:${port}`,
    asked: [],
    rollouts: [],
    routes: [],
    upstreams: { upstreams: [], leaving: [] },
    events: [],
    replays: new Map(),
    warnings: [],
    analysis: analysis(),
    refusal: null,
    refusals: [],
    dropCount: 0,
    hasStream: true,
    tell: (one) => {
      fake.events.push(one)
      for (const open of streams) open.write(frame(one))
    },
    move: (change) => {
      const [newest, ...older] = fake.rollouts
      if (newest === undefined) throw new Error('there is no rollout to move')
      const moved = { ...newest, ...change, generation: newest.generation + 1 }
      fake.rollouts = [moved, ...older]
      fake.tell(event({ seq: fake.events.length + 1, phase: moved.phase, rollout: moved.id }))
    },
    cutStreams: () => {
      for (const open of streams) open.destroy()
    },
    close: async () => {
      server.closeAllConnections()
      if (server.listening) await once(server.close(), 'close')
    },
  }
  onTestFinished(() => fake.close())
  return fake

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (fake.dropCount > 0) {
      fake.dropCount--
      request.socket.destroy()
      return
    }
    let text = ''
    for await (const chunk of request) text += String(chunk)
    const url = new URL(request.url ?? '', fake.url)
    const method = request.method ?? ''
    fake.asked.push({
      method,
      path: url.pathname + url.search,
      headers: request.headers,
      body: text === '' ? null : JSON.parse(text),
    })
    const refusal = fake.refusals.shift() ?? fake.refusal
    if (refusal !== null) return refuse(response, refusal)
    if (url.pathname === '/v1/events/stream') return stream(request, response)
    const answer = answerOf(method, url, text)
    if (answer === undefined) return refuse(response, { status: 404, code: 'notFound' })
    send(response, method === 'POST' && url.pathname === '/v1/rollouts' ? 201 : 200, answer)
  }

  function stream(request: IncomingMessage, response: ServerResponse): void {
    if (!fake.hasStream) return refuse(response, { status: 503, code: 'tooManyStreams' })
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write('retry: 2000\n\n: hello\n\n')
    const after = request.headers['last-event-id']
    if (after !== undefined) {
      for (const one of fake.events.filter(({ seq }) => seq > Number(after))) {
        response.write(frame(one))
      }
    }
    streams.add(response)
    response.on('close', () => streams.delete(response))
  }

  function answerOf(method: string, url: URL, text: string): unknown {
    const [, , collection, name, verb] = url.pathname.split('/').map(decodeURIComponent)
    const found = fake.rollouts.find((one) => one.id === name || one.route === name)
    switch (`${method} ${collection}`) {
      case 'GET routes':
        if (name === undefined) return { routes: fake.routes }
        return fake.routes.find((one) => one.name === name)
      case 'GET upstreams':
        if (name === undefined) return fake.upstreams
        return fake.upstreams.upstreams.find((one) => one.name === name)
      case 'GET rollouts':
        if (verb === 'analysis' && found !== undefined) return fake.analysis
        return name === undefined ? { rollouts: fake.rollouts } : found
      case 'GET events': {
        if (name !== undefined) return eventOf(Number(name))
        const after = Number(url.searchParams.get('after') ?? 0)
        const limit = Number(url.searchParams.get('limit') ?? 100)
        const wanted = url.searchParams.get('rollout')
        const events = fake.events.filter(
          (one) => one.seq > after && (wanted === null || one.rollout === wanted),
        )
        return { events: events.slice(0, limit), last: fake.events.at(-1)?.seq ?? 0 }
      }
      case 'POST rollouts':
        if (name !== undefined) return found === undefined ? undefined : act(found, verb ?? '')
        fake.rollouts = [rollout({ ...JSON.parse(text), id: 'shop-1' }), ...fake.rollouts]
        return { ...fake.rollouts[0], warnings: fake.warnings }
      default:
        return undefined
    }
  }

  function eventOf(seq: number): unknown {
    const told = fake.events.find((one) => one.seq === seq)
    return told === undefined ? undefined : { ...told, replay: fake.replays.get(seq) }
  }

  function act(found: RolloutView, verb: string): RolloutView {
    const phases: Record<string, RolloutView['phase']> = {
      promote: 'promoted',
      pause: 'paused',
      abort: 'aborted',
    }
    if (found.endedAt !== null || found.phase === 'promoted') return found
    const acted = { ...found, phase: phases[verb] ?? 'progressing' }
    fake.rollouts = fake.rollouts.map((one) => (one.id === found.id ? acted : one))
    return acted
  }
}

function refuse(response: ServerResponse, { status, code, detail, errors }: Refusal): void {
  const title = `Refused with ${status}`
  response.writeHead(status, { 'content-type': 'application/problem+json' })
  response.end(JSON.stringify({ type: 'about:blank', title, status, code, detail, errors }))
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(JSON.stringify(body))
}

function frame(one: EventView): string {
  return `id: ${one.seq}\nevent: ${one.type}\ndata: ${JSON.stringify(one)}\n\n`
}

/** A rollout at 5 %, held by a timed pause, with what a test changes of it. */
export function rollout(change: Partial<RolloutView> = {}): RolloutView {
  return {
    id: 'shop-3',
    route: 'shop',
    from: 'shop-v1',
    to: 'shop-v2',
    attempt: 1,
    phase: 'progressing',
    step: { index: 1, count: 4, type: 'pause', description: 'wait 2m' },
    weight: 5,
    holding: {
      why: 'Step 2 of 4: wait 2m',
      until: '2026-11-21T10:02:00.000Z',
      waysOut: ['promote', 'pause', 'abort'],
    },
    verdict: {
      verdict: 'pass',
      sentence: 'error_rate<1% passes: 0 % of 200 requests failed (0)',
      at: '2026-11-21T10:00:30.000Z',
    },
    evidence: null,
    reason: null,
    generation: 2,
    startedAt: '2026-11-21T10:00:00.000Z',
    endedAt: null,
    plan: {
      steps: [
        { setWeight: 5 },
        { pause: { duration: '2m' } },
        { setWeight: 100 },
        { bake: { duration: '2m' } },
      ],
      guard: {
        coin: false,
        successCriteria: 'error_rate<1%',
        window: '1m',
        interval: '1s',
        consecutiveFailureLimit: 1,
        failureLimit: null,
      },
    },
    ...change,
  }
}

/** The same rollout, taken back. */
export function aborted(change: Partial<RolloutView> = {}): RolloutView {
  return rollout({
    phase: 'aborted',
    weight: 0,
    holding: null,
    verdict: null,
    reason: 'error_rate<1% fails: 31 % of 42 requests failed',
    endedAt: '2026-11-21T10:01:00.000Z',
    ...change,
  })
}

const WINDOW = {
  requests: 3_800,
  errors: 19,
  errorRate: 0.005,
  p50: 0.0011,
  p95: 0.0021,
  p99: 0.31,
}
const EMPTY = { requests: 0, errors: 0, errorRate: null, p50: null, p95: null, p99: null }

/** A route with the canary of `rollout` at 5 %. */
export function route(change: Partial<RouteView> = {}): RouteView {
  return {
    name: 'shop',
    match: { hosts: [], path: { prefix: '/' } },
    stable: 'shop-v1',
    canary: 'shop-v2',
    rollout: 'shop-3',
    weight: 5,
    variants: {
      stable: { upstream: 'shop-v1', windows: { '10s': WINDOW, '1m': WINDOW, '5m': WINDOW } },
      canary: { upstream: 'shop-v2', windows: { '10s': EMPTY, '1m': EMPTY, '5m': EMPTY } },
    },
    ...change,
  }
}

/** What the guard says of `rollout`, which compares nothing with stable. */
export function analysis(change: Partial<AnalysisView> = {}): AnalysisView {
  return {
    rollout: 'shop-3',
    attempt: 1,
    phase: 'progressing',
    step: 1,
    verdict: 'pass',
    sentence: 'error_rate<1% passes: 0 % of 200 requests failed (0)',
    checks: [],
    window: { seconds: 60, requests: 200, errors: 0 },
    consecutiveFailures: 0,
    failures: 0,
    metrics: [],
    evidence: null,
    ...change,
  }
}

export function event(change: Partial<EventView> = {}): EventView {
  return {
    seq: 1,
    at: '2026-11-21T10:00:00.000Z',
    route: 'shop',
    rollout: 'shop-3',
    type: 'start',
    fromPhase: null,
    phase: 'progressing',
    step: 1,
    weight: 5,
    trigger: 'person',
    actor: 'ana',
    reason: 'Started by ana',
    ...change,
  }
}
