import { expect, test } from 'vitest'
import { COMMANDS } from '../../../src/control/cli/commands.ts'
import { sluice } from './harness.ts'

test.for([
  { argv: [], says: 'a command is missing' },
  { argv: ['cnary', 'shop'], says: 'unknown command "cnary"; did you mean "canary"?' },
  { argv: ['xyzzy'], says: 'one of demo, run, check' },
  { argv: ['rollout'], says: '"rollout" needs a second word; there is rollout start' },
  { argv: ['rollout', 'stop'], says: '"rollout" has no command "stop"' },
  { argv: ['--loud', 'status'], says: 'unknown option "--loud" of "status"' },
  { argv: ['status', 'a', 'b'], says: '"status" takes only ROUTE; what is "b"?' },
  { argv: ['version', 'now'], says: '"version" takes no arguments; what is "now"?' },
  {
    argv: ['status', '--wach'],
    says: 'unknown option "--wach" of "status"; did you mean "--watch"?',
  },
  { argv: ['status', '-x'], says: 'allowed are --watch, --window, --server' },
  { argv: ['status', '--window', '2m'], says: '--window must be one of 10s, 1m, 5m, not "2m"' },
  { argv: ['status', '--output', 'yaml'], says: '--output must be one of table, json, not "yaml"' },
  { argv: ['status', '--watch=yes'], says: '--watch takes no value' },
  { argv: ['status', '--server', 'localhost:9090'], says: '--server must be an address such as' },
  { argv: ['status', '--token', 'abc'], says: 'set SLUICE_TOKEN or give --token-file' },
  { argv: ['status', '--token-file', '/nowhere/token'], says: 'cannot read the token file' },
  { argv: ['run'], says: '"run" needs --config FILE' },
  { argv: ['check'], says: '"check" needs FILE' },
  { argv: ['canary', 'shop'], says: '"canary" needs --to UPSTREAM' },
  { argv: ['canary', '--to', 'shop-v2'], says: '"canary" needs ROUTE' },
  { argv: ['canary', 'shop', '--to'], says: '--to needs a name, not empty' },
  { argv: ['canary', 'shop', '--to', '--wait'], says: '--to needs a name, not empty' },
  { argv: ['canary', 'shop', '--to', 'b', '--traffic-split', '25,5'], says: 'rising percentages' },
  { argv: ['canary', 'shop', '--to', 'b', '--traffic-split', '5,101'], says: 'up to 100' },
  { argv: ['canary', 'shop', '--to', 'b', '--traffic-split', '0,5'], says: 'above 0' },
  { argv: ['canary', 'shop', '--to', 'b', '--interval', '5'], says: 'such as 500ms, 30s, 2m' },
  { argv: ['canary', 'shop', '--to', 'b', '--interval', '0s'], says: 'a duration above 0' },
  {
    argv: ['canary', 'shop', '--to', 'b', '--window', '1m'],
    says: '--window needs --success-criteria',
  },
  { argv: ['canary', 'shop', '--to', 'b', '--timeout', '1m'], says: '--timeout needs --wait' },
  { argv: ['wait', 'shop', '--for', 'step=0'], says: 'paused, ended, step=N, not "step=0"' },
  { argv: ['promote'], says: '"promote" needs ROUTE' },
  { argv: ['promote', 'shop', '--generation', 'x'], says: '--generation must be a whole number' },
  {
    argv: ['abort', 'shop', '--generation', '3'],
    says: 'unknown option "--generation" of "abort"',
  },
  { argv: ['events', '--after', '-1'], says: '--after must be a whole number' },
])('"$argv" is refused', async ({ argv, says }) => {
  const { code, stdout, stderr } = await sluice(argv, { env: { SLUICE_SERVER: 'http://[::1]:1' } })
  expect(stderr).toContain(says)
  expect(stderr).toMatch(/see sluice (?:[a-z ]+ )?--help\n$/)
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
})

test('a fault of a command points to the help of that command', async () => {
  const { stderr } = await sluice(['canary', 'shop', '--too', 'shop-v2'])
  expect(stderr).toBe(
    'sluice: unknown option "--too" of "canary"; did you mean "--to"?\n  see sluice canary --help\n',
  )
})

test('the help of sluice and of each command is as reviewed', async () => {
  const calls = [['--help'], ...COMMANDS.map(({ name }) => `${name} --help`.split(' '))]
  const texts = await Promise.all(
    calls.map(async (argv) => {
      const { code, stdout, stderr } = await sluice(argv)
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
      return `$ sluice ${argv.join(' ')}\n${stdout}`
    }),
  )
  await expect(texts.join('\n')).toMatchFileSnapshot('help.txt')
})

test('help can be asked for in every way', async () => {
  const { stdout } = await sluice(['canary', '--help'])
  expect((await sluice(['help', 'canary'])).stdout).toBe(stdout)
  expect((await sluice(['-h', 'canary'])).stdout).toBe(stdout)
  expect((await sluice(['canary', 'shop', '--to', 'b', '-h'])).stdout).toBe(stdout)
  expect((await sluice(['help'])).stdout).toBe((await sluice(['--help'])).stdout)
})

test('the version can be asked for as a command and as an option', async () => {
  const { code, stdout } = await sluice(['version'])
  expect({ code, stdout }).toEqual({
    code: 0,
    stdout: expect.stringMatching(/^sluice \d+\.\d+\.\d+\n$/),
  })
  expect((await sluice(['--version'])).stdout).toBe(stdout)
  expect(JSON.parse((await sluice(['version', '-o', 'json'])).stdout)).toEqual({
    version: stdout.trim().replace('sluice ', ''),
    node: process.versions.node,
  })
})

test('run hands over the file and ends with its exit code', async () => {
  const files: string[] = []
  const run = async ({ configFile }: { configFile: string }): Promise<number> => {
    files.push(configFile)
    return 9
  }
  const { code } = await sluice(['run', '-c', 'sluice.yaml'], { run })
  expect({ code, files }).toEqual({ code: 9, files: ['sluice.yaml'] })
})

test('a bug of a command is told with its stack and ends with 1', async () => {
  const { code, stderr } = await sluice(['run', '-c', 'sluice.yaml'], {
    run: () => Promise.reject(new TypeError('x is not a function')),
  })
  expect(code).toBe(1)
  expect(stderr).toMatch(/this is a bug in sluice\nTypeError: x is not a function\n +at /)
})
