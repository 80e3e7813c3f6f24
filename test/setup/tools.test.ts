/** What becomes of programs that cannot be had. */

import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'

const PROGRAMS = ['curl', 'h2load', 'wrk', 'chromium', 'slowhttptest', 'nginx', 'haproxy']
const RUN = `
  import setup from ${JSON.stringify(join(import.meta.dirname, 'tools.ts'))}
  setup({ provide: (name, value) => console.log(name, JSON.stringify(value)) })
`

/** Prepares the tests on a machine that has nothing, not even a way to install it. */
function prepare(env: NodeJS.ProcessEnv) {
  const empty = mkdtempSync(join(tmpdir(), 'sluice-tools-'))
  onTestFinished(() => rmSync(empty, { recursive: true }))
  return spawnSync(process.execPath, ['--input-type=module', '-e', RUN], {
    env: { ...env, PATH: empty },
    encoding: 'utf8',
  })
}

test('tests that need one are skipped, and it is said loudly', () => {
  const { status, stdout, stderr } = prepare({ CI: '' })
  expect(status).toBe(0)
  expect(stdout).toContain(`missingPrograms ${JSON.stringify(PROGRAMS)}`)
  expect(stderr).toContain(`SKIPPED: ${PROGRAMS.join(', ')} cannot be had`)
})

test('in CI that is a fault', () => {
  const { status, stderr } = prepare({ CI: 'true' })
  expect(status).toBe(1)
  expect(stderr).toContain('cannot be had')
  expect(stderr).toContain('and CI skips nothing')
})
