import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { once } from 'node:events'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

/** Tells its version and arguments, then ends as the first argument says, or waits for a signal. */
const MAIN = `
const [how, ...rest]: string[] = process.argv.slice(2)
if (how === 'wait') {
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) {
    process.on(signal, () => { console.log(signal); process.exit(7) })
  }
  setInterval(() => {}, 1000)
}
console.log(JSON.stringify({ version: process.versions.node, isMain: import.meta.main, rest }))
if (how === 'exit') process.exit(Number(rest[0]))
if (how === 'die') { process.kill(process.pid, 'SIGTERM'); setInterval(() => {}, 1000) }
`

const folder = realpathSync(mkdtempSync(join(tmpdir(), 'sluice-launcher-')))
const launcher = join(folder, 'bin', 'sluice.cjs')

beforeAll(() => {
  mkdirSync(join(folder, 'bin'))
  mkdirSync(join(folder, 'src', 'control'), { recursive: true })
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
  writeFileSync(join(folder, 'src', 'control', 'main.ts'), MAIN)
  copyFileSync('bin/sluice.cjs', launcher)
})
afterAll(() => rmSync(folder, { recursive: true }))

const versionOf = (node: string) =>
  execFileSync(node, ['-p', 'process.versions.node'], { encoding: 'utf8' }).trim()

/** A Node of the system that is too old to run Sluice, if there is one. */
const oldNode = ['/usr/bin/node', '/usr/local/bin/node'].find(
  (node) => existsSync(node) && Number.parseInt(versionOf(node), 10) < 26,
)

const launch = (node: string, ...args: string[]) =>
  spawnSync(node, [launcher, ...args], { encoding: 'utf8' })

/** Resolves when the process has printed its first line. */
async function started(child: ChildProcess): Promise<void> {
  await once(child.stdout!, 'data')
}

function checks(node: string) {
  test('arguments and the exit code are passed on', () => {
    const { stdout, status } = launch(node, 'exit', '3', 'a b')
    expect(JSON.parse(stdout)).toEqual({
      version: process.versions.node,
      isMain: true,
      rest: ['3', 'a b'],
    })
    expect(status).toBe(3)
  })

  test.for(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)('%s reaches Sluice', async (signal) => {
    const child = spawn(node, [launcher, 'wait'], { stdio: ['ignore', 'pipe', 'inherit'] })
    await started(child)
    const told = once(child.stdout, 'data')
    child.kill(signal)
    expect(String((await told)[0])).toBe(`${signal}\n`)
    expect((await once(child, 'exit'))[0]).toBe(7)
  })

  test('a death by signal is passed on', () => {
    expect(launch(node, 'die').signal).toBe('SIGTERM')
  })
}

describe('on a Node that is new enough', () => {
  checks(process.execPath)
})

describe.skipIf(oldNode === undefined)('on an old Node', () => {
  const node = oldNode ?? ''

  test('without a Node beside it, a sentence says how to get one', () => {
    const { stderr, stdout, status } = launch(node, 'exit', '0')
    expect(stdout).toBe('')
    expect(stderr).toBe(
      `Sluice needs Node 26 or newer, but this is v${versionOf(node)}; run "npm install" without --omit=optional to get one beside it, use the container image node:26, or see https://nodejs.org\n`,
    )
    expect(status).toBe(1)
  })

  describe('with a Node beside it', () => {
    beforeAll(() => symlinkSync(resolve('node_modules'), join(folder, 'node_modules')))
    checks(node)
  })
})

test('the launcher is plain enough for any Node', () => {
  const source = readFileSync('bin/sluice.cjs', 'utf8')
  const code = source.replaceAll(/\/\*[^]*?\*\/|\/\/.*|'[^'\n]*'/g, '0')
  expect(code).not.toMatch(
    /=>|`|\b(?:let|const|class|async|await|import)\b|\.\.\.|\?\.|\?\?|,\s*\)/,
  )
})
