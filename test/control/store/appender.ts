/**
 * A process for the tests to kill: `node appender.ts PATH hold` opens the store and waits, `append` writes
 * entries three at a time and prints the last number after each acknowledged append, for as long as it can.
 */

import { writeSync } from 'node:fs'
import type { Store } from '../../../src/control/store/contract.ts'
import { openSqliteStore } from '../../../src/control/store/sqlite.ts'
import { stableEntry } from './entries.ts'

const [path = '', mode = 'hold'] = process.argv.slice(2)

/** Not through a stream: what is printed must be out when the process is killed. */
function print(line: string): void {
  writeSync(1, `${line}\n`)
}

async function appendForever(store: Store): Promise<void> {
  const entry = stableEntry('shop-v2', 'shop-v1')
  const written = await store.append([entry, entry, entry])
  print(String(written.at(-1)?.seq))
  setImmediate(() => {
    appendForever(store).catch((error: unknown) => print(JSON.stringify(error)))
  })
}

const store = await openSqliteStore(path, Date.now())
print('open')
if (mode === 'append') await appendForever(store)
else process.stdin.resume()
