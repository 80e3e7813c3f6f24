/** The proxies that others build on Node, each a program of a few lines that is run in a process of its own. */

import { fileURLToPath } from 'node:url'
import { packageVersion } from '../machine.ts'
import type { Proxy } from './proxy.ts'

function nodeProxy(name: string, program: URL, packageName: string): Proxy {
  return {
    name,
    work: 'forward',
    scenarios: ['small', '64k', '1m'],
    version: () => packageVersion(packageName),
    command: ({ port, stablePort }) => [
      process.execPath,
      fileURLToPath(program),
      String(port),
      String(stablePort),
    ],
    prepare: null,
  }
}

export const nodeProxies: readonly Proxy[] = [
  nodeProxy('undici', new URL('../programs/undici.ts', import.meta.url), 'undici'),
  nodeProxy('fast-proxy', new URL('../programs/fast-proxy.ts', import.meta.url), 'fast-proxy'),
  nodeProxy(
    'reply-from',
    new URL('../programs/reply-from.ts', import.meta.url),
    '@fastify/reply-from',
  ),
  nodeProxy('http-proxy', new URL('../programs/http-proxy.ts', import.meta.url), 'http-proxy'),
]
