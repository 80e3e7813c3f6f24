/**
 * The running process: puts the parts together, starts them in the order in which they need each other, and
 * takes them down in the other one.
 *
 * Store, then threads (through the engine's first publication), then the admin API: what answers is ready.
 */

import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createTallyBuffer } from '../analyzer/tally.ts'
import { UPSTREAM_FAILURE_NAMES } from '../proxy/failure.ts'
import { createApi } from './api/server.ts'
import { structuralChanges } from './config/changes.ts'
import type { Config } from './config/config.ts'
import { loadConfig } from './config/load.ts'
import { watchConfig } from './config/watch.ts'
import { createLog, type Log } from './log.ts'
import { createEngine } from './rollout/controller.ts'
import { openSqliteStore } from './store/sqlite.ts'
import { createTallies } from './tallies.ts'
import { createMetrics } from './telemetry/metrics.ts'
import { ThreadPool } from './threads/pool.ts'
import { requireFreeAddresses } from './threads/probe.ts'
import { createRouting, SeriesRegistry } from './threads/routing.ts'
import { newestRollouts, readiness, routeStates } from './views.ts'

/** Between two readings of the tallies, and two looks of the engine at its deadlines. */
const TICK_MS = 100
/** Between two looks at the configuration file. */
const WATCH_MS = 1_000

/** Whole milliseconds since 1970 that never go back while the process runs. */
const clock = { nowMs: () => Math.floor(performance.timeOrigin + performance.now()) }

/** Runs until SIGTERM or SIGINT; resolves to the exit code. */
export async function runProcess(options: { readonly configFile: string }): Promise<number> {
  const log = createLog((line) => process.stderr.write(line), clock.nowMs)
  const startedWith = loadConfig(options.configFile)
  let config = startedWith
  await requireFreeAddresses([...config.proxy.listeners, { name: 'admin', ...config.control }])
  // Taken down in the opposite order, also when one of them cannot start.
  await using parts = new AsyncDisposableStack()
  const store = await openSqliteStore(config.store.path, clock.nowMs())
  parts.defer(() => store.close())

  const series = new SeriesRegistry()
  const tallyBuffer = createTallyBuffer(config.proxy.threads)
  const pool = new ThreadPool({
    count: config.proxy.threads,
    tallies: tallyBuffer,
    listeners: config.proxy.listeners,
    log: (level, message) => log[level](message),
  })
  parts.defer(() => pool.drain(0))
  const tallies = createTallies({
    buffer: tallyBuffer,
    threadCount: pool.threadCount,
    seriesCount: () => series.entries.length,
  })
  const engine = await createEngine({
    store,
    routing: createRouting(pool, series),
    openEvidence: (route, _rollout, windowMs) =>
      tallies.openEvidence(series.obtain(route, 'canary'), windowMs),
    config,
    clock,
    newSalt: () => randomBytes(16).toString('hex'),
    log,
  })
  parts.defer(() => engine.stop())
  engine.onEntry(({ route, body }) => {
    const isPromotion = body.kind === 'stable'
    if (!isPromotion && body.event.type !== 'start') return
    for (const variant of isPromotion ? ['stable', 'canary'] : ['canary']) {
      const place = series.find(route, variant)
      if (place !== undefined) tallies.restartWindows(place)
    }
  })

  const reload = { isSuccessful: true, succeededAtMs: clock.nowMs() }
  const metrics = createMetrics({
    version: packageVersion(),
    failureReasons: UPSTREAM_FAILURE_NAMES,
    series: () => series.entries.map((entry, index) => ({ ...entry, series: index })),
    totals: (index) => tallies.totals(index),
    windows: (index) => tallies.windows(index),
    threadTotals: () => tallies.threadTotals(),
    rollouts: () => newestRollouts(engine),
    threadCount: () => pool.liveCount,
    threadRestartCount: () => pool.restartCount,
    snapshotVersion: () => pool.version,
    configReload: () => reload,
  })
  const api = createApi({
    engine,
    store,
    routes: () => routeStates(config, engine.targets(), { series, tallies }),
    renderMetrics: () => metrics.renderMetrics(),
    ready: () => readiness(pool),
    tokens: () => config.control.tokens,
    clock,
    log,
  })

  const tick = setInterval(() => {
    tallies.read(clock.nowMs())
    engine.tick()
  }, TICK_MS)
  const watch = watchConfig({
    file: options.configFile,
    config,
    env: process.env,
    intervalMs: WATCH_MS,
    onConfig: (next) => void take(next),
    onFaults: (faults) => {
      reload.isSuccessful = false
      log.error(`The configuration has ${faults.length} faults; the last good one stays in force`)
      for (const { file, line, column, path, message } of faults)
        log.error(`${file}:${line}:${column} ${path}: ${message}`)
    },
  })

  async function take(next: Config): Promise<void> {
    try {
      for (const sentence of structuralChanges(startedWith, next)) log.warn(sentence)
      await engine.reconfigure(next)
      config = next
      reload.isSuccessful = true
      reload.succeededAtMs = clock.nowMs()
      log.info('The configuration is loaded anew')
    } catch (error) {
      reload.isSuccessful = false
      watch.failed()
      log.error(`The configuration cannot be taken: ${messageOf(error)}; SIGHUP tries it again`)
    }
  }

  const onHangup = (): void => {
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
  log.info(
    `Stopping by ${signal}: requests under way have ${config.proxy.drainTimeoutMs} ms to finish`,
  )
  await pool.drain(config.proxy.drainTimeoutMs)
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

function announce(
  log: Log,
  started: { config: Config; pool: ThreadPool; address: { host: string; port: number } },
): void {
  const { config, pool, address } = started
  for (const { name, host, port } of pool.listeners)
    log.info(`Listener ${name} on http://${host}:${port}`)
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

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
