/** Hostile and legal input on both sides: every case, with all that it asserts, against a proxy in its own process. */

import { afterAll, beforeAll } from 'vitest'
import type { HostileCase } from './cases.ts'
import { playClient, playHttp2Client, playHttp2Upstream, playUpstream } from './play.ts'
import { runSuites } from './suites.ts'
import { ProxyProcess } from './target.ts'

function isControl({ tier }: HostileCase): boolean {
  return tier === 'control'
}

/** Whether the case says nothing of the words in which a request goes on, and asks for no tunnel. */
function isWithoutWords({ upstream, category, assert = {} }: HostileCase): boolean {
  if (upstream !== undefined || category === 'upgrade') return false
  return assert.upstreamMustSee === undefined && assert.upstreamHeaderCount === undefined
}

let proxy: ProxyProcess
beforeAll(() => {
  proxy = new ProxyProcess()
})
afterAll(() => proxy.end())

runSuites(
  [
    { title: 'clients over HTTP/1.1', side: 'client-h1', play: playClient('http1') },
    { title: 'clients over HTTP/1.1 or 2', side: 'client-h1', play: playClient('both') },
    { title: 'clients over HTTP/2 alone', side: 'client-h2', play: playHttp2Client('http2') },
    {
      title: 'clients over HTTP/2 in pieces',
      side: 'client-h2',
      play: playHttp2Client('http2', { isCut: true }),
      // What else comes of a case may depend on what came before its last piece.
      isPlayed: (one) => isControl(one) || one.assert?.upstreamRequests === 0,
    },
    { title: 'clients over either', side: 'client-h2', play: playHttp2Client('both') },
    {
      title: 'clients over HTTP/2 and TLS',
      side: 'client-h2',
      play: playHttp2Client('tls'),
      isPlayed: isControl,
    },
    { title: 'clients behind a proxy', side: 'client-proxyproto', play: playClient('proxied') },
    {
      title: 'clients over HTTP/1.1, upstream over HTTP/2',
      side: 'client-h1',
      play: playClient('http1', 'http2'),
      isPlayed: isWithoutWords,
    },
    {
      title: 'clients and upstream over HTTP/2',
      side: 'client-h2',
      play: playHttp2Client('http2', { protocol: 'http2' }),
      isPlayed: (one) => isWithoutWords(one) && one.repeatUnit === undefined,
    },
    { title: 'upstreams over HTTP/1.1', side: 'upstream-h1', play: playUpstream },
    { title: 'upstreams over HTTP/2', side: 'upstream-h2', play: playHttp2Upstream },
  ],
  () => proxy,
)
