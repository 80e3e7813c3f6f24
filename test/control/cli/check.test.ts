import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { sluice } from './harness.ts'

const GOOD = `version: 1
proxy:
  listeners: [{ name: public, host: 127.0.0.1, port: "\${PORT}" }]
upstreams:
  shop-v1: { endpoints: ["http://127.0.0.1:9001"] }
  shop-v2: { endpoints: ["http://127.0.0.1:9002"] }
routes:
  - { name: shop, stable: shop-v1 }
control: { host: 127.0.0.1, port: 9090 }
`

function fileWith(text: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-check-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'sluice.yaml')
  writeFileSync(file, text)
  return file
}

test('a good file is summed up', async () => {
  const { code, stdout, stderr } = await sluice(['check', fileWith(GOOD)], {
    env: { PORT: '8080' },
  })
  expect({ code, stdout, stderr }).toEqual({
    code: 0,
    stdout: 'ok: 1 route, 2 upstreams, listening on 127.0.0.1:8080, admin API on 127.0.0.1:9090\n',
    stderr: '',
  })
})

test('faults go to stderr, each line beginning with its place', async () => {
  const file = fileWith(GOOD.replace('stable: shop-v1', 'stabel: shop-v1'))
  const { code, stdout, stderr } = await sluice(['check', file], { env: { PORT: '8080' } })
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
  expect(stderr).toContain('did you mean "stable"?')
  for (const line of stderr.trimEnd().split('\n')) expect(line).toMatch(/sluice\.yaml:\d+:\d+ /)
})

test('in JSON the faults are data too', async () => {
  const file = fileWith(GOOD.replace('stable: shop-v1', 'stable: shop-v3'))
  const call = { env: { PORT: '8080' } }
  const { code, stdout } = await sluice(['check', file, '-o', 'json'], call)
  expect(code).toBe(2)
  expect(JSON.parse(stdout)).toMatchObject({ ok: false, faults: [{ file, line: 8 }] })
  const good = await sluice(['check', fileWith(GOOD), '-o', 'json'], call)
  expect(JSON.parse(good.stdout)).toEqual({
    ok: true,
    routes: ['shop'],
    upstreams: ['shop-v1', 'shop-v2'],
    listeners: ['127.0.0.1:8080'],
    control: '127.0.0.1:9090',
    warnings: [],
  })
})

test('a file that is not there ends with 2', async () => {
  const { code, stderr } = await sluice(['check', 'nowhere.yaml'])
  expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining('no such file') })
})

test('a faulty file ends run with 2, in the same words', async () => {
  const { CodedError } = await import('../../../src/control/coded-error.ts')
  const run = () => Promise.reject(new CodedError('invalidConfig', 'a.yaml:1:1 is not YAML'))
  const { code, stderr } = await sluice(['run', '-c', 'a.yaml'], { run })
  expect({ code, stderr }).toEqual({ code: 2, stderr: 'a.yaml:1:1 is not YAML\n' })
})

test.for([
  'examples/analysis.yaml',
  'examples/flags.yaml',
  'examples/rules.yaml',
  'examples/sluice.yaml',
  'examples/demo.yaml',
  'examples/tls.yaml',
])('%s passes', async (file) => {
  expect(await sluice(['check', file])).toMatchObject({ code: 0, stderr: '' })
})
