/** Stores in a folder of their own; both go away with their test. */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import type { Store } from '../../../src/control/store/contract.ts'
import { openSqliteStore } from '../../../src/control/store/sqlite.ts'
import { NOW_MS } from './entries.ts'

export function temporaryPath(): string {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-store-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  return join(folder, 'sluice.db')
}

/** Opens a store that is closed with its test, if the test has not done it. */
export async function opened(path: string): Promise<Store> {
  const store = await openSqliteStore(path, NOW_MS)
  onTestFinished(() => store.close())
  return store
}
