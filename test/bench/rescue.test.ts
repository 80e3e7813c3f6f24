/** The benchmark of the fallback, small, so that it cannot rot. */

import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const MAIN = join(import.meta.dirname, '../../bench/rescue/main.ts')

test('clients of a canary that fails see nothing of it', { timeout: 60_000 }, () => {
  const { stdout } = spawnSync(process.execPath, [MAIN, '1', 'answers 500'], {
    encoding: 'utf8',
  })
  const [rescued = '', bare = ''] = stdout.split('\n').slice(1)
  expect(rescued).toMatch(/^answers 500\tstable\t\d+\t0\t0\t/)
  expect(bare).toMatch(/^answers 500\tnone\t\d+\t[1-9]\d*\t0\t/)
})
