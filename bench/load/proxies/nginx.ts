/** nginx with one worker, told to do what Sluice does; also the frame of the upstream's own configuration. */

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { commandVersion } from '../machine.ts'
import { CIPHER_SUITE, GRPC_PATH, TUNNEL_PATH } from '../scenario.ts'
import type { Place, Proxy } from './proxy.ts'

/** Null where nginx is not installed. */
export function nginxVersion(): string | null {
  return commandVersion('nginx', ['-v'], /nginx\/([\d.]+)/)
}

/** The command that runs nginx in the foreground on `folder`/nginx.conf, its log to stderr. */
export function nginxCommand(folder: string): readonly string[] {
  return ['nginx', '-p', folder, '-c', join(folder, 'nginx.conf'), '-e', 'stderr']
}

/** A whole nginx.conf around the lines of its `http` block. */
export function nginxFrame(folder: string, http: readonly string[]): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  return `
daemon off;
worker_processes 1;
pid ${folder}/nginx.pid;
error_log stderr error;
events { worker_connections 1024; }
http {
  access_log off;
  keepalive_timeout 300s;
  keepalive_requests 1000000000;
  ${temporary.map((name) => `${name}_temp_path ${folder}/${name};`).join('\n  ')}
  ${http.join('\n  ')}
}
`
}

/**
 * nginx cannot remove fields by prefix, nor add to Via, so it is told the names. Buffers of 16 KiB were the best of
 * 4, 16, 32 and 64 KiB (1 MiB bodies: 3.4 GB per CPU second against 1.9, 2.5 and 2.6); none go to disk.
 */
function proxyLines(place: Place): string[] {
  const { port, stablePort, canaryPort, grpcPort } = place
  return [
    'split_clients "$cookie_session" $variant { 50% canary; * stable; }',
    `upstream stable { server 127.0.0.1:${stablePort}; ${POOL} }`,
    `upstream canary { server 127.0.0.1:${canaryPort}; ${POOL} }`,
    grpcPort === null ? '' : `upstream grpc { server 127.0.0.1:${grpcPort}; ${POOL} }`,
    `server {
    listen 127.0.0.1:${port} backlog=1024;
    proxy_buffers 16 16k;
    proxy_buffer_size 16k;
    proxy_max_temp_file_size 0;
    ${secureLines(place)}
    ${tunnelLines(place)}
    ${grpcLines(place)}
    location / {
      proxy_pass http://$variant;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Keep-Alive "";
      proxy_set_header Proxy-Connection "";
      proxy_set_header Proxy-Authorization "";
      proxy_set_header TE "";
      proxy_set_header Trailer "";
      proxy_set_header Forwarded "";
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header X-Forwarded-Host $http_host;
      proxy_set_header Via "1.1 nginx";
      proxy_set_header X-Sluice-Rollout "bench";
      proxy_set_header X-Sluice-Variant $variant;
    }
  }`,
  ]
}

function secureLines({ tls }: Place): string {
  if (tls === null) return ''
  return `listen 127.0.0.1:${tls.port} ssl http2 backlog=1024;
    ssl_certificate ${tls.certFile};
    ssl_certificate_key ${tls.keyFile};
    ssl_protocols TLSv1.3;
    ssl_conf_command Ciphersuites ${CIPHER_SUITE};`
}

function tunnelLines({ echoPort }: Place): string {
  if (echoPort === null) return ''
  return `location = ${TUNNEL_PATH} {
      proxy_pass http://127.0.0.1:${echoPort};
      proxy_http_version 1.1;
      proxy_set_header Host $http_host;
      proxy_set_header Connection "upgrade";
      proxy_set_header Upgrade $http_upgrade;
    }`
}

function grpcLines({ grpcPort }: Place): string {
  if (grpcPort === null) return ''
  return `location = ${GRPC_PATH} {
      grpc_pass grpc://grpc;
      grpc_set_header TE trailers;
      grpc_set_header X-Forwarded-For $remote_addr;
      grpc_set_header X-Forwarded-Proto $scheme;
      grpc_set_header X-Forwarded-Host $http_host;
      grpc_set_header Via "2 nginx";
    }`
}

const POOL = 'keepalive 128; keepalive_requests 1000000000; keepalive_timeout 300s;'

export const nginx: Proxy = {
  name: 'nginx',
  work: 'split',
  scenarios: ['small', '64k', '1m', 'tls', 'http2', 'grpc', 'websocket'],
  version: nginxVersion,
  command: (place) => {
    writeFileSync(join(place.folder, 'nginx.conf'), nginxFrame(place.folder, proxyLines(place)))
    return nginxCommand(place.folder)
  },
  prepare: null,
}
