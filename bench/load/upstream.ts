/**
 * The upstream behind every proxy: two ports with the same content, `stable` and `canary`. nginx where it is
 * installed, since it costs the load's core least, else `programs/upstream.ts`.
 *
 * Paths: those of the scenarios, and `/echo`, which tells the fields that a proxy set. `X-Upstream` names the port.
 */

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePorts, makeFolder, startChild } from './children.ts'
import { untilAnswered } from './http.ts'
import { nginxCommand, nginxFrame, nginxVersion } from './proxies/nginx.ts'
import { BODIES, type Protocol, type Scenario } from './scenario.ts'

export interface Upstream {
  /** Name and version, for the report. */
  readonly name: string
  readonly stablePort: number
  readonly canaryPort: number
  /** Echoes what comes through a WebSocket, `programs/echo.ts`; null where no scenario asks for it. */
  readonly echoPort: number | null
  /** Takes gRPC calls, `programs/grpc.ts`; null where no scenario asks for it. */
  readonly grpcPort: number | null
}

const PROGRAM = fileURLToPath(new URL('programs/upstream.ts', import.meta.url))

/** Fields that `/echo` tells, as lines `name: value`. */
const ECHOED = [
  'via',
  'x-forwarded-for',
  'x-forwarded-proto',
  'x-forwarded-host',
  'x-sluice-variant',
  'x-sluice-rollout',
  'proxy-connection',
  'te',
]

/** Starts what the scenarios need upstream, on `core` (null: any). Throws if it does not answer. */
export async function startUpstream(
  scenarios: readonly Scenario[],
  core: number | null,
): Promise<Upstream> {
  const speaks = (one: Protocol): boolean => scenarios.some(({ protocol }) => protocol === one)
  const [stablePort = 0, canaryPort = 0] = await freePorts(2)
  const version = nginxVersion()
  const command =
    version === null
      ? [process.execPath, PROGRAM, String(stablePort), String(canaryPort)]
      : nginxCommand(writeNginxFolder(stablePort, canaryPort))
  const child = await startChild('the upstream', command, core)
  await untilAnswered(child, stablePort, '/small')
  await untilAnswered(child, canaryPort, '/small')
  return {
    name: version === null ? `node:net ${process.version}` : `nginx ${version}`,
    stablePort,
    canaryPort,
    echoPort: await startProgram('echo', speaks('websocket'), core),
    grpcPort: await startProgram('grpc', speaks('grpc'), core),
  }
}

/** Starts a program of ours where it is needed and returns its port, else null. */
async function startProgram(
  name: 'echo' | 'grpc',
  isNeeded: boolean,
  core: number | null,
): Promise<number | null> {
  if (!isNeeded) return null
  const [port = 0] = await freePorts(1)
  const file = fileURLToPath(new URL(`programs/${name}.ts`, import.meta.url))
  const command = [process.execPath, file, String(port)]
  const child = await startChild(`the upstream ${name}`, command, core)
  await untilAnswered(child, port, '/')
  return port
}

function writeNginxFolder(stablePort: number, canaryPort: number): string {
  const folder = makeFolder()
  for (const { path, bodyBytes } of BODIES) {
    writeFileSync(join(folder, path), 'x'.repeat(bodyBytes), { mode: 0o644 })
  }
  const servers = [server(folder, 'stable', stablePort), server(folder, 'canary', canaryPort)]
  const http = ['sendfile on;', 'tcp_nopush on;', 'open_file_cache max=16;', ...servers]
  writeFileSync(join(folder, 'nginx.conf'), nginxFrame(folder, http))
  return folder
}

function server(folder: string, name: string, port: number): string {
  const small = BODIES.find(({ path }) => path === '/small')?.bodyBytes ?? 0
  const echo = ECHOED.map((field) => `${field}: $http_${field.replaceAll('-', '_')}`).join('\\n')
  return `
  server {
    listen 127.0.0.1:${port} backlog=1024;
    root ${folder};
    default_type text/plain;
    etag on;
    add_header Cache-Control "no-cache";
    add_header X-Upstream "${name}";
    location = /small { return 200 "${'x'.repeat(small)}"; }
    location = /echo { return 200 "${echo}"; }
  }`
}
