/** The real `sluice run` in a process of its own, ready to serve. */

import { type ChildProcess, spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Longest wait for a process to be ready, or to be gone. */
const PATIENCE_MS = 20_000

const MAIN = join(import.meta.dirname, '../../src/control/main.ts')

export interface SluiceProcess {
  readonly proxyUrl: string
  readonly adminUrl: string
  readonly pid: number
  readonly isKilled: boolean
  /** What it has written to standard error so far. */
  stderr(): string
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>
  /** SIGTERM; resolves to the exit code, or to the name of the signal that ended it. */
  stop(): Promise<number | NodeJS.Signals>
}

/** An upstream, as the configuration names it. */
export interface Shop {
  readonly port: number
  /** Left out: `http1`. */
  readonly protocol?: 'http1' | 'http2'
}

export interface StartOptions {
  /** Holds configuration and store; the same folder again is the same Sluice again. */
  readonly folder: string
  readonly shops: { readonly stable: Shop; readonly canary: Shop }
  /** YAML added under the route. */
  readonly routeLines?: readonly string[]
  readonly threads?: number
  /** YAML added in `proxy`, such as `accessLog: { mode: all }`. */
  readonly proxyEntries?: readonly string[]
  /** YAML added in `control`. */
  readonly controlEntries?: readonly string[]
  /** YAML under `analysis`. */
  readonly analysisLines?: readonly string[]
  /** YAML under `flags`. */
  readonly flagLines?: readonly string[]
  /** YAML in place of the one listener, which is called `public`. */
  readonly listeners?: string
  /** Options for node, before the program. */
  readonly nodeOptions?: readonly string[]
}

/** Starts it and resolves once `/readyz` says yes. Rejects with its output when it ends before. */
export async function startSluice(options: StartOptions): Promise<SluiceProcess> {
  const configFile = join(options.folder, 'sluice.yaml')
  writeFileSync(configFile, configText(options))
  const child = spawn(
    process.execPath,
    [...(options.nodeOptions ?? []), MAIN, 'run', '-c', configFile],
    {
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  )
  let stderr = ''
  let isKilled = false
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  const gone = new Promise<number | NodeJS.Signals>((resolve) => {
    child.once('exit', (code, signal) => resolve(code ?? signal!))
  })
  try {
    const { proxyUrl, adminUrl } = await waitForAddresses(child, () => stderr)
    return {
      proxyUrl,
      adminUrl,
      pid: child.pid!,
      get isKilled() {
        return isKilled
      },
      stderr: () => stderr,
      async kill() {
        isKilled = true
        child.kill('SIGKILL')
        await gone
      },
      stop() {
        isKilled = true
        child.kill('SIGTERM')
        return gone
      },
    }
  } catch (error) {
    child.kill('SIGKILL')
    await gone
    throw error
  }
}

const LISTENER = '{ name: public, host: 127.0.0.1, port: 0 }'

/** The text of the configuration that `startSluice` starts with. */
export function configText(options: Omit<StartOptions, 'folder'>): string {
  const { shops, routeLines = [], threads = 1, listeners = LISTENER } = options
  const { proxyEntries = [], controlEntries = [], analysisLines = [], flagLines = [] } = options
  const proxy = [`listeners: [${listeners}]`, `threads: ${threads}`, ...proxyEntries]
  const control = ['host: 127.0.0.1', 'port: 0', ...controlEntries]
  return [
    'version: 1',
    `proxy: { ${proxy.join(', ')} }`,
    'upstreams:',
    `  shop-v1: ${upstreamText(shops.stable)}`,
    `  shop-v2: ${upstreamText(shops.canary)}`,
    'routes:',
    '  - name: shop',
    '    stable: shop-v1',
    ...routeLines.map((line) => `    ${line}`),
    `control: { ${control.join(', ')} }`,
    'store: { path: ./sluice.db }',
    ...(analysisLines.length === 0 ? [] : ['analysis:']),
    ...analysisLines.map((line) => `  ${line}`),
    ...(flagLines.length === 0 ? [] : ['flags:']),
    ...flagLines.map((line) => `  ${line}`),
    '',
  ].join('\n')
}

function upstreamText({ port, protocol = 'http1' }: Shop): string {
  return `{ endpoints: ["http://127.0.0.1:${port}"], protocol: ${protocol} }`
}

/** The process says its addresses on standard error; then it is asked whether it is ready. */
async function waitForAddresses(
  child: ChildProcess,
  stderr: () => string,
): Promise<{ proxyUrl: string; adminUrl: string }> {
  const endMs = performance.now() + PATIENCE_MS
  while (performance.now() < endMs) {
    if (child.exitCode !== null || child.signalCode !== null) break
    const proxyUrl = /Listener public on (https?:\/\/\S+)/.exec(stderr())?.[1]
    const adminUrl = /Admin API on (http:\/\/[^\s,]+)/.exec(stderr())?.[1]
    if (proxyUrl !== undefined && adminUrl !== undefined && (await isReady(adminUrl))) {
      return { proxyUrl, adminUrl }
    }
    await pause()
  }
  throw new Error(`Sluice did not become ready:\n${stderr()}`)
}

async function isReady(adminUrl: string): Promise<boolean> {
  try {
    const response = await fetch(`${adminUrl}/readyz`)
    await response.arrayBuffer()
    return response.ok
  } catch {
    return false
  }
}

function pause(): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, 20)
  })
}
