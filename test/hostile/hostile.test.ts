/** Hostile and legal input on both sides: every case, with all that it asserts, against a proxy in its own process. */

import { afterAll, beforeAll } from 'vitest'
import { runSuites } from './suites.ts'
import { ProxyProcess } from './target.ts'

let proxy: ProxyProcess
beforeAll(() => {
  proxy = new ProxyProcess()
})
afterAll(() => proxy.end())

runSuites(() => proxy)
