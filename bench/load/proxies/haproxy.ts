/**
 * HAProxy with one thread, told to do what Sluice does.
 *
 * `haproxy` moves bodies as it does unless told otherwise, through its own buffers; `haproxy-splice` lets the kernel
 * move them (`option splice-response`), which Node cannot: the bound that bodies could reach. Larger buffers
 * (`tune.bufsize`) were rejected: they gain as much as splicing with large bodies, but cost a quarter with small ones.
 */

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { commandVersion } from '../machine.ts'
import { CIPHER_SUITE, GRPC_PATH, TUNNEL_PATH } from '../scenario.ts'
import type { Place, Proxy } from './proxy.ts'

function configuration(place: Place, splices: boolean): string {
  const { port, stablePort, canaryPort, tls, echoPort, grpcPort } = place
  return `
global
  nbthread 1
  maxconn 1024
  ssl-default-bind-options ssl-min-ver TLSv1.3
  ssl-default-bind-ciphersuites ${CIPHER_SUITE}

defaults
  mode http
  option http-keep-alive
  ${splices ? 'option splice-response' : ''}
  http-reuse always
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  timeout http-keep-alive 60s
  timeout tunnel 60s

frontend public
  bind 127.0.0.1:${port} backlog 1024
  ${secureBind(place)}
  http-request del-header x-sluice- -m beg
  http-request del-header keep-alive
  http-request del-header proxy- -m beg
  http-request del-header te
  http-request del-header trailer
  http-request del-header forwarded
  http-request set-header X-Forwarded-For %[src]
  http-request set-header X-Forwarded-Proto ${tls === null ? 'http' : '%[ssl_fc,iif(https,http)]'}
  http-request set-header X-Forwarded-Host %[req.hdr(host)]
  http-request add-header Via "1.1 haproxy"
  http-request set-header X-Sluice-Rollout bench
  ${echoPort === null ? '' : `use_backend tunnel if { path ${TUNNEL_PATH} }`}
  ${grpcPort === null ? '' : `use_backend grpc if { path ${GRPC_PATH} }`}
  use_backend canary if { req.cook(session),xxh32,mod(100) lt 50 }
  default_backend stable

backend stable
  http-request set-header X-Sluice-Variant stable
  server s1 127.0.0.1:${stablePort}

backend canary
  http-request set-header X-Sluice-Variant canary
  server s1 127.0.0.1:${canaryPort}

${echoPort === null ? '' : `backend tunnel\n  server s1 127.0.0.1:${echoPort}`}

${grpcPort === null ? '' : `backend grpc\n  server s1 127.0.0.1:${grpcPort} proto h2`}
`
}

/** HAProxy wants certificate and key in one file. */
function secureBind({ tls, folder }: Place): string {
  if (tls === null) return ''
  const file = join(folder, 'identity.pem')
  writeFileSync(file, readFileSync(tls.certFile, 'utf8') + readFileSync(tls.keyFile, 'utf8'))
  return `bind 127.0.0.1:${tls.port} backlog 1024 ssl crt ${file} alpn h2,http/1.1`
}

function build(name: string, splices: boolean): Proxy {
  return {
    name,
    work: 'split',
    scenarios: splices
      ? ['64k', '1m']
      : ['small', '64k', '1m', 'tls', 'http2', 'grpc', 'websocket'],
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
