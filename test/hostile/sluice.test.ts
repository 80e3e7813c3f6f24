/** The cases once more, against the real process with two threads: what one of them does the other sees. */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll } from 'vitest'
import { playClient, playHttp2Client, playUpstream } from './play.ts'
import { SluiceTarget } from './sluice-target.ts'
import { runSuites } from './suites.ts'

const folder = mkdtempSync(join(tmpdir(), 'sluice-hostile-'))
let sluice: SluiceTarget
beforeAll(async () => {
  sluice = await SluiceTarget.start(folder)
})
afterAll(async () => {
  await sluice.end()
  rmSync(folder, { recursive: true })
})

runSuites(
  [
    { title: 'clients over HTTP/1.1', side: 'client-h1', play: playClient('http1') },
    { title: 'clients over HTTP/2 alone', side: 'client-h2', play: playHttp2Client('http2') },
    { title: 'upstreams over HTTP/1.1', side: 'upstream-h1', play: playUpstream },
  ],
  () => sluice,
)
