import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { Config } from '../../../src/control/config/config.ts'
import { loadConfig } from '../../../src/control/config/load.ts'
import { type ConfigWatch, watchConfig } from '../../../src/control/config/watch.ts'
import { sample } from './sample.ts'

const INTERVAL_MS = 1_000

let folder: string
let file: string
let events: string[]
let watch: ConfigWatch

const withRoute = (name: string) => sample({ routes: `routes: [{ name: ${name}, stable: a }]` })
const routeOf = (config: Config) => config.routes.map(({ name }) => name).join()

/** Watches `file`, whose content is in force; what is told stands in `events`. */
function watchFile(): ConfigWatch {
  return watchConfig({
    file,
    config: loadConfig(file, {}),
    env: {},
    intervalMs: INTERVAL_MS,
    onConfig: (config) => events.push(`config ${routeOf(config)}`),
    onFaults: (faults) => events.push(`faults ${faults.map(({ message }) => message).join()}`),
  })
}

/** Looks at the file so many times; a change counts at the second look that sees it. */
const look = (count: number) => vi.advanceTimersByTime(count * INTERVAL_MS)

beforeEach(() => {
  vi.useFakeTimers()
  folder = mkdtempSync(join(tmpdir(), 'sluice-watch-'))
  file = join(folder, 'sluice.yaml')
  events = []
  writeFileSync(file, withRoute('one'))
  watch = watchFile()
})

afterEach(() => {
  watch.stop()
  vi.useRealTimers()
  rmSync(folder, { recursive: true })
})

test('an unchanged file tells nothing', () => {
  watch.start()
  writeFileSync(file, withRoute('one'))
  look(5)
  expect(events).toEqual([])
})

test('a change of the content is told once, when it has been read twice alike', () => {
  watch.start()
  look(5)
  writeFileSync(file, withRoute('two'))
  look(1)
  expect(events).toEqual([])
  look(1)
  expect(events).toEqual(['config two'])
  look(5)
  expect(events).toEqual(['config two'])
})

test('a file that is still being written is left alone', () => {
  watch.start()
  look(5)
  const whole = withRoute('whole')
  for (const length of [0, 10, whole.length / 2]) {
    writeFileSync(file, whole.slice(0, length))
    look(1)
  }
  writeFileSync(file, whole)
  look(2)
  expect(events).toEqual(['config whole'])
})

test('a change between loading and the first look is told', () => {
  writeFileSync(file, withRoute('early'))
  watch.start()
  look(2)
  expect(events).toEqual(['config early'])
})

test('faults are told once, and so is the file when it is good again', () => {
  watch.start()
  look(5)
  writeFileSync(file, sample({ version: 'version: 2' }))
  look(2)
  expect(events).toEqual(['faults must be 1, but is 2'])
  look(5)
  writeFileSync(file, withRoute('one'))
  look(2)
  expect(events).toEqual(['faults must be 1, but is 2', 'config one'])
})

test('the symlink swap of a ConfigMap is seen', () => {
  for (const name of ['one', 'two']) {
    mkdirSync(join(folder, name))
    writeFileSync(join(folder, name, 'sluice.yaml'), withRoute(name))
  }
  symlinkSync('one', join(folder, 'current'))
  file = join(folder, 'mounted.yaml')
  symlinkSync('current/sluice.yaml', file)
  watch = watchFile()
  watch.start()
  look(5)
  symlinkSync('two', join(folder, 'next'))
  renameSync(join(folder, 'next'), join(folder, 'current'))
  look(2)
  expect(events).toEqual(['config two'])
})

test('a file renamed into place, as editors save, is seen', () => {
  watch.start()
  look(5)
  writeFileSync(join(folder, '.swap'), withRoute('saved'))
  renameSync(join(folder, '.swap'), file)
  look(2)
  expect(events).toEqual(['config saved'])
})

test('a file that is gone is a fault, and is taken again when it comes back', () => {
  watch.start()
  rmSync(file)
  look(2)
  expect(events).toEqual(['faults there is no such file'])
  writeFileSync(file, withRoute('back'))
  look(2)
  expect(events).toEqual(['faults there is no such file', 'config back'])
})

test('reload takes what is there now and says what it found', () => {
  expect(watch.reload()).toBe('unchanged')
  writeFileSync(file, withRoute('two'))
  expect(watch.reload()).toBe('changed')
  expect(watch.reload()).toBe('unchanged')
  writeFileSync(file, '{')
  expect(watch.reload()).toBe('faulty')
  expect(events).toHaveLength(2)
})

test('a watch that is stopped tells nothing more', () => {
  watch.start()
  look(5)
  watch.stop()
  writeFileSync(file, withRoute('two'))
  look(5)
  expect(events).toEqual([])
})
