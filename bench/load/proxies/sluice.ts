/**
 * Sluice as its users run it, everything on: one proxy thread, a rollout held at 50 % with the default guard (so the
 * coin, tallies, windows and the analyzer work), the split sticky by cookie. And the same with rules, or with a rule that
 * asks a flag: none of them takes a request from the coin, so that what they cost is seen beside all else.
 */

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { untilAnswered } from '../http.ts'
import { projectVersion } from '../machine.ts'
import { GRPC_PATH, TUNNEL_PATH } from '../scenario.ts'
import type { Place, Proxy } from './proxy.ts'

const MAIN = fileURLToPath(new URL('../../../src/control/main.ts', import.meta.url))
const ROLLOUT_LIMIT_MS = 10_000
const POLL_MS = 50

/** What a route may have beside. */
interface Beside {
  readonly name: string
  readonly scenarios: Proxy['scenarios']
  readonly routeLine: string
  /** YAML of a section of its own. */
  readonly section: string
}

const NOTHING: Beside = {
  name: 'sluice',
  scenarios: ['small', '64k', '1m', 'tls', 'http2', 'grpc', 'websocket'],
  routeLine: '',
  section: '',
}

/** By a header that is not there, an expression over the user agent, a query parameter, and a claim. */
const RULES: Beside = {
  name: 'sluice-rules',
  scenarios: ['small'],
  routeLine: `rules:
      - { when: { header: { name: x-canary, exact: always } }, to: canary }
      - { when: { header: { name: user-agent, regex: 'Firefox/1[0-3][0-9][.]' } }, to: canary }
      - { when: { query: { name: version, semver: '>=2' } }, to: canary }
      - { when: { claim: { name: plan, in: [enterprise, government] } }, exclude: canary }`,
  section: '',
}

/** A flag of flagd that shares users out over numbers, which name no variant. */
const FLAG: Beside = {
  name: 'sluice-flag',
  scenarios: ['small'],
  routeLine: 'rules: [{ flag: { key: share, provider: bench } }]',
  section: `flags: { providers: { bench: { flagd: { inline: { flags: { share: { state: ENABLED, variants: { a: 1, b: 2 },
    defaultVariant: a, targeting: { fractional: [[a, 50], [b, 50]] } } } } } } } }`,
}

/** Sluice with rules, and with a rule that asks a flag; see `sluice`. */
export function sluiceBeside(profileFolder: string | null): Proxy[] {
  return [RULES, FLAG].map((beside) => sluice(profileFolder, beside))
}

/** `profileFolder`, absolute: where Node leaves CPU profiles of every thread when it ends; null: none are made. */
export function sluice(profileFolder: string | null, beside = NOTHING): Proxy {
  return {
    name: beside.name,
    work: 'split',
    scenarios: beside.scenarios,
    version: projectVersion,
    command: (place) => {
      const file = join(place.folder, 'sluice.yaml')
      writeFileSync(file, configuration(place, beside))
      const profile =
        profileFolder === null ? [] : ['--cpu-prof', `--cpu-prof-dir=${profileFolder}`]
      return [process.execPath, ...profile, MAIN, 'run', '-c', file]
    },
    prepare: async ({ controlPort }, child) => {
      await untilAnswered(child, controlPort, '/readyz')
      await startRollout(controlPort)
    },
  }
}

function configuration(place: Place, { routeLine, section }: Beside): string {
  const { port, controlPort, stablePort, canaryPort, echoPort, grpcPort } = place
  return `
version: 1
proxy:
  listeners:
    - { name: public, host: 127.0.0.1, port: ${port} }
    ${secureListener(place)}
  threads: 1
upstreams:
  stable: { endpoints: ["http://127.0.0.1:${stablePort}"] }
  canary: { endpoints: ["http://127.0.0.1:${canaryPort}"] }
  ${grpcPort === null ? '' : `grpc: { endpoints: ["http://127.0.0.1:${grpcPort}"], protocol: http2 }`}
  ${echoPort === null ? '' : `echo: { endpoints: ["http://127.0.0.1:${echoPort}"] }`}
routes:
  - name: bench
    match: { path: { prefix: / } }
    stable: stable
    sticky: { cookie: session }
    ${routeLine}
  ${grpcPort === null ? '' : `- { name: grpc, match: { path: { prefix: ${GRPC_PATH} } }, stable: grpc }`}
  ${echoPort === null ? '' : `- { name: tunnel, match: { path: { prefix: ${TUNNEL_PATH} } }, stable: echo }`}
control: { host: 127.0.0.1, port: ${controlPort} }
store: { path: ./sluice.db }
${section}
`
}

function secureListener({ tls }: Place): string {
  if (tls === null) return ''
  const identity = `{ cert: ${tls.certFile}, key: ${tls.keyFile}, minVersion: "1.3" }`
  return `- { name: secure, host: 127.0.0.1, port: ${tls.port}, tls: ${identity} }`
}

/** Returns when half of the traffic goes to the canary. Throws if the API refuses or ten seconds are over. */
async function startRollout(controlPort: number): Promise<void> {
  const url = `http://127.0.0.1:${controlPort}/v1/rollouts`
  const steps = [{ setWeight: 50 }, { pause: {} }]
  const started = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ route: 'bench', to: 'canary', strategy: { canary: { steps } } }),
  })
  const words = await started.text()
  if (started.status !== 201) throw new Error(`sluice refused the rollout: ${words}`)
  const deadlineMs = performance.now() + ROLLOUT_LIMIT_MS
  let weight: unknown = null
  while (performance.now() < deadlineMs) {
    weight = await currentWeight(`${url}/bench`)
    if (weight === 50) return
    await sleep(POLL_MS)
  }
  throw new Error(`sluice's rollout is at weight ${String(weight)} after 10 s, not at 50`)
}

async function currentWeight(url: string): Promise<unknown> {
  const view = await (await fetch(url)).json()
  return typeof view === 'object' && view !== null && 'weight' in view ? view.weight : null
}
