/**
 * The running process: puts the parts together, starts them in the order in which they need each other, and
 * takes them down in the other one.
 *
 * Store, then threads (through the engine's first publication), then the admin API: what answers is ready.
 */

import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { createTallyBuffer, segment } from '../analyzer/tally.ts'
import { UPSTREAM_FAILURE_NAMES } from '../proxy/failure.ts'
import { CONNECTION_REFUSALS, REQUEST_FAULT_NAMES } from '../proxy/refusals.ts'
import type { ThreadMessage } from '../proxy/thread.ts'
import { createApi } from './api/server.ts'
import type { Config } from './config/config.ts'
import { formatFault } from './config/fault.ts'
import { loadConfig } from './config/load.ts'
import { watchConfig } from './config/watch.ts'
import { isKeptEvidence, JudgeBench } from './judge/bench.ts'
import { KayentaBench, type KeptPoints } from './judge/kayenta.ts'
import type { KeptEvidence } from './judge/judge.ts'
import { isVersion1, openKeeper } from './judge/keeper.ts'
import { createLog, type Log } from './log.ts'
import { type KeptPushed, PushedMetrics } from './providers/pushed.ts'
import type { KeptRuns } from './providers/attempt.ts'
import { MetricRuns } from './providers/runs.ts'
import { listenerSentence, Reload } from './reload.ts'
import type { KeptAlarms } from './rollout/alarms.ts'
import { FlagControl } from './flags/flags.ts'
import { OwnFlags } from './flags/own-flags.ts'
import { createEngine } from './rollout/controller.ts'
import type { EvidenceOf } from './rollout/engine.ts'
import { openSqliteStore } from './store/sqlite.ts'
import { createTallies } from './tallies.ts'
import { AccessLogFile } from './telemetry/access-log.ts'
import { createMetrics } from './telemetry/metrics.ts'
import { refusalLine } from './telemetry/refusal-line.ts'
import { ThreadPool, type ThreadSource } from './threads/pool.ts'
import { requireFreeAddresses } from './threads/probe.ts'
import { compileListeners, createRouting, SeriesRegistry } from './threads/routing.ts'
import { KeySets } from './tokens/key-sets.ts'
import { Traffic } from './traffic.ts'
import { ask } from './upstreams/ask.ts'
import { createResolver } from './upstreams/resolver.ts'
import { Upstreams } from './upstreams/upstreams.ts'
import { newestRollouts, readiness, routeStates } from './views.ts'

/** Between two readings of the tallies, and two looks of the engine at its deadlines. */
const TICK_MS = 100
/** Between two looks at the configuration file. */
const WATCH_MS = 1_000
/** What TLS session tickets are sealed with; made anew at each start and kept until the end. */
const TICKET_KEY_BYTES = 48

/** Whole milliseconds since 1970 that never go back while the process runs. */
const clock = { nowMs: () => Math.floor(performance.timeOrigin + performance.now()) }

/** Runs until SIGTERM or SIGINT; resolves to the exit code. */
export async function runProcess(options: { readonly configFile: string }): Promise<number> {
  const config = loadConfig(options.configFile)
  let isDebug = (): boolean => config.control.logLevel === 'debug'
  const log = createLog(
    (line) => process.stderr.write(line),
    clock.nowMs,
    () => isDebug(),
  )
  for (const warning of config.warnings) log.warn(formatFault(warning))
  await requireFreeAddresses([...config.proxy.listeners, { name: 'admin', ...config.control }])
  // Taken down in the opposite order, also when one of them cannot start.
  await using parts = new AsyncDisposableStack()
  const store = await openSqliteStore(config.store.path, clock.nowMs())
  parts.defer(() => store.close())

  const series = new SeriesRegistry()
  const accessLog = new AccessLogFile(config.proxy.accessLog.path, log)
  parts.defer(() => accessLog.close())
  async function hear(message: ThreadMessage, { thread, reply }: ThreadSource): Promise<void> {
    if (message.type === 'endpoints') upstreams.take(thread, message.reports)
    if (message.type === 'flags') flags.hear(message.report)
    if (message.type === 'refused') log.debug(refusalLine(message.report))
    if (message.type !== 'access') return
    await accessLog.write(message.lines)
    reply({ type: 'accessWritten', bytes: message.lines.length })
  }

  const ticketKeys = randomBytes(TICKET_KEY_BYTES)
  const tallyBuffer = createTallyBuffer(config.proxy.threads)
  const pool = new ThreadPool({
    count: config.proxy.threads,
    tallies: tallyBuffer,
    listeners: compileListeners(config, ticketKeys),
    log: (level, message) => log[level](message),
    onStuck: (message) => endHard(log, message),
    onMessage: (message, from) => void hear(message, from),
    onGone: (thread) => upstreams.gone(thread),
  })
  parts.defer(() => pool.drain(0))
  const tallies = createTallies({
    buffer: tallyBuffer,
    threadCount: pool.threadCount,
    seriesCount: () => series.entries.length,
  })
  const upstreams = new Upstreams({
    ask,
    resolver: createResolver(),
    nowMs: () => clock.nowMs(),
    random: Math.random,
    log,
    setHealth: (unhealthy) => pool.setHealth(unhealthy),
    republish: () => engine.republish(),
    requestCount: (route, variant) => {
      const place = series.find(route, variant)
      return place === undefined ? 0 : tallies.windows(place)['10s'].requestCount
    },
  })
  parts.defer(() => upstreams.close())
  let configInForce = (): Config => config
  const keeper = await openKeeper(store, log)
  parts.defer(() => keeper.close())
  const bench = new JudgeBench({
    shelf: keeper.shelf<KeptEvidence>('evidence', isKeptEvidence),
    series,
    tallies,
    segments: Array.from({ length: pool.threadCount }, (_, i) => segment(tallyBuffer, i)),
    config: () => configInForce(),
    endpointsOf: (upstream) => upstreams.endpointsOf(upstream),
    nowMs: () => clock.nowMs(),
    log,
  })
  parts.defer(() => bench.close())
  const traffic = new Traffic({ series, tallies, clock })
  const pushed = new PushedMetrics(keeper.shelf<KeptPushed>('pushed', isVersion1))
  const metricRuns = new MetricRuns({
    analysis: () => configInForce().analysis,
    pushed,
    shelf: keeper.shelf<KeptRuns>('metrics', isVersion1),
    clock,
    log,
  })
  parts.defer(() => metricRuns.close())
  const openEvidence = ({ route, variant, windowMs }: EvidenceOf) =>
    tallies.openEvidence(series.obtain(route, variant), windowMs)
  const kayenta = new KayentaBench({
    settings: () => configInForce().analysis.judge,
    shelf: keeper.shelf<KeptPoints>('kayenta', isVersion1),
    openEvidence,
    clock,
    log,
  })
  parts.defer(() => kayenta.close())
  const keySets = new KeySets({
    nowMs: () => clock.nowMs(),
    wait: (ms) => setTimeout(ms, undefined, { ref: false }),
    log,
    republish: () => engine.republish(),
  })
  parts.defer(() => keySets.close())
  await keySets.prepare(config)
  const ownFlags = new OwnFlags(
    { store, engine: () => engine, config: () => configInForce(), nowMs: clock.nowMs, log },
    await store.flags(),
  )
  let isRouted = false
  const flags = new FlagControl({
    config: () => configInForce(),
    own: ownFlags,
    targets: () => engine.targets(),
    nowMs: clock.nowMs,
    log,
    onChange: () => {
      // The first publication has them anyway.
      if (!isRouted) return
      engine.republish().catch((error: unknown) => {
        log.error('Flags could not be published; it is tried again', { error })
      })
    },
  })
  parts.defer(() => flags.close())
  await flags.open()
  const engine = await createEngine({
    store,
    routing: createRouting(
      pool,
      {
        series,
        settlements: bench.settlements,
        threadCount: pool.threadCount,
        viaName: `sluice-${randomBytes(4).toString('hex')}`,
        keysAt: (url) => keySets.keysAt(url),
        flags: (forConfig, targets) => flags.compile(forConfig, targets),
      },
      upstreams,
    ),
    openEvidence,
    evidence: bench.judge,
    pushed,
    metrics: [metricRuns, kayenta],
    alarms: keeper.shelf<KeptAlarms>('alarms', isVersion1),
    config,
    clock,
    newSalt: () => randomBytes(16).toString('hex'),
    log,
  })
  parts.defer(() => engine.stop())
  isRouted = true
  engine.onEntry(({ route, body }) => {
    const isPromotion = body.kind === 'stable'
    if (!isPromotion && body.event.type !== 'start') return
    for (const variant of isPromotion ? (['stable', 'canary'] as const) : (['canary'] as const)) {
      traffic.emptied(route, variant)
      const place = series.find(route, variant)
      if (place !== undefined) tallies.restartWindows(place)
    }
  })

  const { nowMs } = clock
  const reload = new Reload({ pool, engine, ticketKeys, startedWith: config, log, nowMs })
  configInForce = () => reload.config
  isDebug = () => reload.config.control.logLevel === 'debug'
  const metrics = createMetrics({
    version: packageVersion(),
    failureReasons: UPSTREAM_FAILURE_NAMES,
    connectionRefusals: CONNECTION_REFUSALS,
    requestFaults: REQUEST_FAULT_NAMES,
    series: () => series.entries.map((entry, index) => ({ ...entry, series: index })),
    totals: (index) => tallies.totals(index),
    windows: (index) => tallies.windows(index),
    threadTotals: () => tallies.threadTotals(),
    accessLog: () => accessLog,
    rollouts: () => newestRollouts(engine),
    judge: () => bench.judge.figures(),
    upstreams: () => upstreams.figures(),
    flags: () => flags,
    measured: () => metricRuns.figures(),
    threadCount: () => pool.liveCount,
    threadRestartCount: () => pool.restartCount,
    snapshotVersion: () => pool.version,
    configReload: () => reload,
  })
  const api = createApi({
    engine,
    store,
    pushed,
    requestsPerSecond: (route) => traffic.requestsPerSecond(route),
    upstreams,
    flags: {
      own: ownFlags,
      providers: () => flags.providers(),
      flagship: () => flags.flagship(),
      targets: () => engine.targets(),
      changes: (key, limit) => store.flagChanges(key, limit),
    },
    routes: () => routeStates(reload.config, engine.targets(), { series, tallies }),
    renderMetrics: () => metrics.renderMetrics(),
    ready: () => readiness(pool),
    tokens: () => reload.config.control.tokens,
    clock,
    log,
  })

  const tick = setInterval(() => {
    pool.look()
    tallies.read(clock.nowMs())
    const running = engine.running()
    bench.tick(running)
    metricRuns.tick(running)
    kayenta.tick(running)
    keySets.tick()
    upstreams.tick()
    engine.tick()
    ownFlags.tick()
    keeper.tick()
  }, TICK_MS)
  const watch = watchConfig({
    file: options.configFile,
    config,
    env: process.env,
    intervalMs: WATCH_MS,
    onConfig: (next) => {
      void take(next)
    },
    onFaults: (faults) => {
      reload.refuse()
      log.error(`The configuration has ${faults.length} faults; the last good one stays in force`)
      for (const fault of faults) log.error(formatFault(fault))
    },
  })

  async function take(next: Config): Promise<void> {
    await keySets.prepare(next)
    const isTaken = await reload.take(next)
    keySets.use(reload.config)
    if (!isTaken) return watch.failed()
    await accessLog.reopen(next.proxy.accessLog.path)
  }

  const onHangup = (): void => {
    // As rotation asks for: a file that was renamed is let go.
    void accessLog.reopen()
    if (watch.reload() === 'unchanged') log.info('The configuration is unchanged')
  }
  parts.defer(() => {
    clearInterval(tick)
    watch.stop()
    process.off('SIGHUP', onHangup)
  })
  const stopped = nextStopSignal()
  process.on('SIGHUP', onHangup)
  const address = await api.listen(config.control)
  parts.defer(() => api.close())
  announce(log, { config, pool, address })
  watch.start()

  const signal = await stopped
  const { drainTimeoutMs } = reload.config.proxy
  log.info(`Stopping by ${signal}: requests under way have ${drainTimeoutMs} ms to finish`)
  await pool.drain(drainTimeoutMs)
  await parts.disposeAsync()
  log.info('Stopped')
  return 0
}

/** Resolves at the first SIGTERM or SIGINT; a second one ends the process at once. */
function nextStopSignal(): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>()
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve(signal))
  return promise
}

/**
 * A thread that hangs in native code would also hold up an orderly exit, and its share of the port goes unanswered
 * until then. What was acknowledged is in the store; whoever supervises us starts us anew.
 */
function endHard(log: Log, message: string): void {
  log.error(`${message}; the process ends, to be started anew`)
  process.kill(process.pid, 'SIGKILL')
}

function announce(
  log: Log,
  started: { config: Config; pool: ThreadPool; address: { host: string; port: number } },
): void {
  const { config, pool, address } = started
  for (const listener of pool.listeners) log.info(listenerSentence(listener))
  if (config.control.tokens.length === 0) {
    log.warn(
      'The admin API asks for NO TOKEN: everybody on this machine may change rollouts (control.tokens is empty)',
    )
  }
  log.info(`Admin API on http://${address.host}:${address.port}, ${pool.threadCount} proxy threads`)
}

function packageVersion(): string {
  const file = new URL('../../package.json', import.meta.url)
  const { version }: { version: string } = JSON.parse(readFileSync(file, 'utf8'))
  return version
}
