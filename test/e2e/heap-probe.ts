/**
 * Loaded before Sluice, into its main thread and its one proxy thread, with `--import` and `--expose-gc`: on SIGUSR2 both
 * collect their garbage, and what is left is said on standard error, as `heap` and a number of bytes.
 */

import { BroadcastChannel, isMainThread } from 'node:worker_threads'

const channel = new BroadcastChannel('heap-probe')
channel.unref()

function usedBytes(): number {
  // What has a finalizer goes with the second one.
  globalThis.gc!()
  globalThis.gc!()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

if (isMainThread) {
  process.on('SIGUSR2', () => channel.postMessage('tell'))
  channel.addEventListener('message', (event) => {
    process.stderr.write(`heap ${usedBytes() + Number((event as MessageEvent).data)}\n`)
  })
} else {
  channel.addEventListener('message', () => channel.postMessage(usedBytes()))
}
