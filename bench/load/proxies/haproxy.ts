/**
 * HAProxy with one thread, told to do what Sluice does.
 *
 * `haproxy` moves bodies as it does unless told otherwise, through its own buffers; `haproxy-splice` lets the kernel
 * move them (`option splice-response`), which Node cannot: the bound that bodies could reach. Larger buffers
 * (`tune.bufsize`) were rejected: they gain as much as splicing with large bodies, but cost a quarter with small ones.
 */

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { commandVersion } from '../machine.ts'
import type { Place, Proxy } from './proxy.ts'

function configuration({ port, stablePort, canaryPort }: Place, splices: boolean): string {
  return `
global
  nbthread 1
  maxconn 1024

defaults
  mode http
  option http-keep-alive
  ${splices ? 'option splice-response' : ''}
  http-reuse always
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  timeout http-keep-alive 60s

frontend public
  bind 127.0.0.1:${port} backlog 1024
  http-request del-header x-sluice- -m beg
  http-request del-header keep-alive
  http-request del-header proxy- -m beg
  http-request del-header te
  http-request del-header trailer
  http-request del-header forwarded
  http-request set-header X-Forwarded-For %[src]
  http-request set-header X-Forwarded-Proto http
  http-request set-header X-Forwarded-Host %[req.hdr(host)]
  http-request add-header Via "1.1 haproxy"
  http-request set-header X-Sluice-Rollout bench
  use_backend canary if { req.cook(session),xxh32,mod(100) lt 50 }
  default_backend stable

backend stable
  http-request set-header X-Sluice-Variant stable
  server s1 127.0.0.1:${stablePort}

backend canary
  http-request set-header X-Sluice-Variant canary
  server s1 127.0.0.1:${canaryPort}
`
}

function build(name: string, splices: boolean): Proxy {
  return {
    name,
    work: 'split',
    scenarios: splices ? ['64k', '1m'] : ['small', '64k', '1m'],
    version: () => commandVersion('haproxy', ['-v'], /version (\d+\.\d+(?:\.\d+)?)/),
    command: (place) => {
      const file = join(place.folder, 'haproxy.cfg')
      writeFileSync(file, configuration(place, splices))
      return ['haproxy', '-db', '-f', file]
    },
    prepare: null,
  }
}

export const haproxy = build('haproxy', false)
export const haproxySplice = build('haproxy-splice', true)
