/** Hostile and legal input on both sides: every case, with all that it asserts, against a proxy in its own process. */

import { afterAll, beforeAll } from 'vitest'
import { playClient, playHttp2Client, playHttp2Upstream, playUpstream } from './play.ts'
import { runSuites } from './suites.ts'
import { ProxyProcess } from './target.ts'

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
    { title: 'clients over either', side: 'client-h2', play: playHttp2Client('both') },
    {
      title: 'clients over HTTP/2 and TLS',
      side: 'client-h2',
      play: playHttp2Client('tls'),
      tier: 'control',
    },
    { title: 'clients behind a proxy', side: 'client-proxyproto', play: playClient('proxied') },
    { title: 'upstreams over HTTP/1.1', side: 'upstream-h1', play: playUpstream },
    { title: 'upstreams over HTTP/2', side: 'upstream-h2', play: playHttp2Upstream },
  ],
  () => proxy,
)
