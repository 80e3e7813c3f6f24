/**
 * Which load generator asks in which scenario. HTTP/1.1: wrk where it is installed, else autocannon, which costs
 * five times the CPU per request and so may leave the proxy idle at times. HTTP/2: h2load, and none where it is not
 * installed: what there is on Node costs more than the proxies, so it would measure itself. WebSocket: a program of
 * our own.
 */

import { fileURLToPath } from 'node:url'
import { h2load } from './h2load.ts'
import { type LoadGenerator, readResultLine, runGenerator } from './load.ts'
import { commandVersion, packageVersion } from './machine.ts'
import { type Protocol, isSecure } from './scenario.ts'

/** Takes the generator for a protocol, to run on `core` (null: any); null where the one it needs is not installed. */
export function chooseLoadGenerator(protocol: Protocol, core: number | null): LoadGenerator | null {
  switch (protocol) {
    case 'http1':
    case 'tls':
      return http1LoadGenerator(core)
    case 'http2':
    case 'grpc': {
      const version = commandVersion('h2load', ['--version'], /nghttp2\/([\d.]+)/)
      return version === null ? null : h2load(version, core)
    }
    case 'websocket':
      return websocket(core)
  }
}

/** For HTTP/1.1 there is always one. */
export function http1LoadGenerator(core: number | null): LoadGenerator {
  const version = commandVersion('wrk', ['-v'], /wrk (?:debian\/)?([\d.]+)/)
  return version === null ? autocannon(core) : wrk(version, core)
}

function wrk(version: string, core: number | null): LoadGenerator {
  const script = fileURLToPath(new URL('wrk.lua', import.meta.url))
  return {
    name: `wrk ${version}`,
    run: async (port, scenario, seconds) => {
      const size = ['-t1', `-c${scenario.connections}`, `-d${seconds}s`, '--timeout', '5s']
      const url = `${isSecure(scenario) ? 'https' : 'http'}://127.0.0.1:${port}${scenario.path}`
      const command = ['wrk', ...size, '-s', script, url]
      return readResultLine(await runGenerator(command, { core, seconds }))
    },
  }
}

function autocannon(core: number | null): LoadGenerator {
  const run = program('autocannon', core)
  return {
    name: `autocannon ${packageVersion('autocannon')}`,
    run: (port, scenario, seconds) => {
      const url = `${isSecure(scenario) ? 'https' : 'http'}://127.0.0.1:${port}`
      return run(seconds, [url, scenario.path, scenario.connections, seconds])
    },
  }
}

function websocket(core: number | null): LoadGenerator {
  const run = program('websocket', core)
  return {
    name: `node:net ${process.version}`,
    run: (port, { path, connections, bodyBytes }, seconds) =>
      run(seconds, [port, path, connections, seconds, bodyBytes]),
  }
}

function program(name: 'autocannon' | 'websocket', core: number | null) {
  const file = fileURLToPath(new URL(`programs/${name}.ts`, import.meta.url))
  return async (seconds: number, args: readonly (string | number)[]) => {
    const command = [process.execPath, file, ...args.map(String)]
    return readResultLine(await runGenerator(command, { core, seconds }))
  }
}
