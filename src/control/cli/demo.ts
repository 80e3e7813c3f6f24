/**
 * `demo`: two shops, Sluice in front of them, a crowd of users, and two releases. Needs nothing but Node.
 */

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { request } from 'undici'
import { createClient } from './client.ts'
import type { Command } from './command.ts'
import { type Context, print, say } from './context.ts'
import { startLoad } from './demo/load.ts'
import { Ledger } from './demo/ledger.ts'
import { freePorts, type Service, Services } from './demo/services.ts'
import { type Stage, watchFor } from './demo/stage.ts'
import { CANARY, type Expectation, FAIL_RATIO, ROUTE, STABLE, tellStory } from './demo/story.ts'
import { CommandError, EXIT } from './exit.ts'
import { plain } from './paint.ts'
import { createScreen, type Screen } from './screen.ts'

export const DEMO: Command = {
  name: 'demo',
  summary: 'Watch a bad release go back by itself and a good one go through, in under a minute',
  details: [
    'Starts two small shops, Sluice in front of them and 400 requests/s from 1,000 users, all on this machine.',
    'Checks what it shows and exits with 1 if anything is not as promised. Everything is ended and removed after',
    'it, unless --keep leaves it running for you to try the other commands on, until Ctrl-C.',
  ],
  arguments: [],
  options: [{ name: 'keep', summary: 'leave everything running at the end' }],
  run: async (given, context) => play(context, given.isOn('keep')),
}

const RATE_PER_SECOND = 400
const USER_COUNT = 1_000
const PAUSE_MS = 2_500
const READY_LIMIT_MS = 20_000
const READY_POLL_MS = 50
const SIGNAL_GRACE_MS = 200

const fileOf = (path: string): string => fileURLToPath(new URL(`../../../${path}`, import.meta.url))
const SHOP_FILE = fileOf('examples/shop/server.ts')
const CONFIG_FILE = fileOf('examples/demo.yaml')
const MAIN_FILE = fileOf('src/control/main.ts')

/** The demo's processes: where they listen, and Sluice itself. */
interface Running {
  readonly proxy: string
  readonly admin: string
  readonly stable: string
  readonly canary: string
  readonly sluice: Service
}

async function play(context: Context, isKept: boolean): Promise<number> {
  const startedAtMs = performance.now()
  const screen = screenOf(context)
  const services = new Services()
  const signal = AbortSignal.any([context.interrupted, services.failed])
  await using endings = new AsyncDisposableStack()
  endings.defer(() => screen.close())
  screen.draw(['', '  starting two shops and Sluice'])
  try {
    const folder = await mkdtemp(join(tmpdir(), 'sluice-demo-'))
    endings.defer(() => rm(folder, { recursive: true, force: true }))
    endings.defer(() => services.close())
    const running = await startServices(services, join(folder, 'sluice.db'))
    await ready(running, signal)

    const client = createClient({ server: running.admin, signal })
    endings.defer(() => client.close())
    const ledgers: { readonly sinceMs: number; readonly ledger: Ledger }[] = []
    const load = startLoad({
      origin: running.proxy,
      ratePerSecond: RATE_PER_SECOND,
      userCount: USER_COUNT,
      onAnswer: (answer) =>
        ledgers.findLast(({ sinceMs }) => sinceMs <= answer.startedAtMs)?.ledger.add(answer),
    })
    endings.defer(() => load.stop())
    const stage: Stage = {
      client,
      screen,
      paint: context.format === 'json' ? plain : context.paint,
      signal,
      ratePerSecond: RATE_PER_SECOND,
      userCount: USER_COUNT,
      canaryOrigin: running.canary,
      pauseMs: PAUSE_MS,
      count: (ledger) => void ledgers.push({ sinceMs: performance.now(), ledger }),
    }
    const expectations = await tellStory(stage)
    screen.clear()
    const exitCode = conclude(context, screen, {
      expectations,
      ms: performance.now() - startedAtMs,
    })
    if (!isKept) return exitCode
    invite(stage, running)
    await watchUntil(context.interrupted, stage)
    return exitCode
  } catch (error) {
    // The services are in our process group: what Ctrl-C tells us, they may have heard first.
    if (services.failed.aborted) await sleep(SIGNAL_GRACE_MS)
    if (context.interrupted.aborted) return EXIT.interrupted
    throw services.failed.aborted ? services.failed.reason : error
  }
}

function screenOf(context: Context): Screen {
  // In JSON the data is the list of expectations; the show is words.
  if (context.format === 'json') return createScreen(context.stderr, false)
  return createScreen(context.stdout, context.isLive)
}

async function startServices(services: Services, storeFile: string): Promise<Running> {
  const listening = /^listening on (http:\/\/\S+:(\d+))$/
  const shops = [startShop(services, STABLE, 0), startShop(services, CANARY, FAIL_RATIO)]
  const [stable, canary] = await Promise.all(shops.map((shop) => shop.line(listening)))
  const [proxyPort, adminPort] = await freePorts(2)
  const sluice = services.start({
    name: 'sluice',
    args: [MAIN_FILE, 'run', '-c', CONFIG_FILE],
    env: {
      SLUICE_DEMO_PORT: String(proxyPort),
      SLUICE_DEMO_ADMIN_PORT: String(adminPort),
      SLUICE_DEMO_STABLE_PORT: stable?.[2] ?? '',
      SLUICE_DEMO_CANARY_PORT: canary?.[2] ?? '',
      SLUICE_DEMO_STORE: storeFile,
    },
  })
  return {
    proxy: `http://127.0.0.1:${proxyPort}`,
    admin: `http://127.0.0.1:${adminPort}`,
    stable: stable?.[1] ?? '',
    canary: canary?.[1] ?? '',
    sluice,
  }
}

function startShop(services: Services, name: string, failRatio: number): Service {
  const args = ['--port', '0', '--version', name, '--fail-ratio', String(failRatio)]
  return services.start({ name, args: [SHOP_FILE, ...args] })
}

async function ready({ admin, sluice }: Running, signal: AbortSignal): Promise<void> {
  const limitAtMs = performance.now() + READY_LIMIT_MS
  let last = 'it does not listen'
  while (performance.now() < limitAtMs) {
    signal.throwIfAborted()
    try {
      const { statusCode, body } = await request(`${admin}/readyz`, { signal })
      const text = await body.text()
      if (statusCode === 200) return
      last = text
    } catch {
      // Not yet.
    }
    await sleep(READY_POLL_MS)
  }
  throw new CommandError(
    EXIT.failure,
    `the demo's sluice was not ready within ${READY_LIMIT_MS / 1_000} s: ${last}`,
    sluice.lastLines(),
  )
}

function conclude(
  context: Context,
  screen: Screen,
  { expectations, ms }: { readonly expectations: readonly Expectation[]; readonly ms: number },
): number {
  const broken = expectations.filter(({ holds }) => !holds)
  const heldCount = expectations.length - broken.length
  const summary = `${heldCount} of ${expectations.length} expectations held, in ${Math.round(ms / 1_000)} s`
  screen.append('')
  screen.append(context.paint(broken.length === 0 ? ['bold', 'green'] : ['bold', 'red'], summary))
  if (context.format === 'json') print(context, { expectations, seconds: ms / 1_000 }, () => [])
  if (broken.length === 0) return EXIT.ok
  say(context, 'sluice: the demo did not go as promised')
  for (const { what } of broken) say(context, `  expected: ${what}`)
  return EXIT.failure
}

function invite({ screen, paint }: Stage, { proxy, admin, stable }: Running): void {
  const lines = [
    '',
    `Everything is left running until Ctrl-C. The shop is at ${proxy}, the admin API at ${admin}.`,
    'In another terminal:',
    '',
    paint('cyan', `  export SLUICE_SERVER=${admin}`),
    paint('cyan', `  sluice status ${ROUTE} --watch`),
    paint(
      'cyan',
      `  sluice canary ${ROUTE} --to ${STABLE} --traffic-split 10,50,100 --interval 20s`,
    ),
    paint('cyan', `  sluice abort ${ROUTE} --reason "enough seen"`),
    paint('cyan', `  curl -i ${proxy}/checkout -H "cookie: session=me"`),
    paint('cyan', `  curl -X PUT ${stable}/_fault -d '{"failRatio":0.3,"delayMs":100}'`),
  ]
  for (const line of lines) screen.append(line)
}

async function watchUntil(interrupted: AbortSignal, stage: Stage): Promise<void> {
  try {
    await watchFor(stage, Infinity, {
      ledger: new Ledger(CANARY),
      route: ROUTE,
      rollout: ROUTE,
    })
  } catch (error) {
    if (!interrupted.aborted) throw error
  }
}
