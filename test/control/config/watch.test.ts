import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
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

/** Puts a certificate of the tests, or a key, beside the file. */
function copy(name: string, to: string): void {
  copyFileSync(join(import.meta.dirname, '../../certificates', name), join(folder, to))
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

describe('certificates', () => {
  beforeEach(() => {
    copy('a.example.cert.pem', 'cert.pem')
    copy('a.example.key.pem', 'key.pem')
    writeFileSync(
      file,
      sample({
        proxy:
          'proxy: { listeners: [{ name: p, host: ::1, port: 1, tls: { cert: cert.pem, key: key.pem } }] }',
        routes: 'routes: [{ name: one, stable: a }]',
      }),
    )
    watch = watchFile()
  })

  test('tell nothing while they stay', () => {
    watch.start()
    look(5)
    expect(watch.reload()).toBe('unchanged')
    expect(events).toEqual([])
  })

  test('that change are told once, when both files are new', () => {
    watch.start()
    look(5)
    copy('wildcard.b.example.cert.pem', 'cert.pem')
    look(2)
    copy('wildcard.b.example.key.pem', 'key.pem')
    look(5)
    expect(events).toEqual([
      'faults Cannot use key key.pem: it does not belong to the certificate cert.pem',
      'config one',
    ])
  })

  test('that change are taken by a reload', () => {
    watch.start()
    look(5)
    copy('wildcard.b.example.cert.pem', 'cert.pem')
    copy('wildcard.b.example.key.pem', 'key.pem')
    expect(watch.reload()).toBe('changed')
    look(5)
    expect(events).toEqual(['config one'])
  })

  test('that are gone are a fault, and taken again when they come back', () => {
    watch.start()
    look(5)
    rmSync(join(folder, 'cert.pem'))
    look(5)
    expect(watch.reload()).toBe('faulty')
    copy('a.example.cert.pem', 'cert.pem')
    look(5)
    const fault = 'faults Cannot use certificate cert.pem: there is no such file'
    expect(events).toEqual([fault, fault, 'config one'])
  })

  test('that change while the configuration is gone are no news of their own', () => {
    watch.start()
    look(5)
    rmSync(file)
    rmSync(join(folder, 'key.pem'))
    look(5)
    expect(events).toEqual(['faults there is no such file'])
  })

  test('that only a new configuration names are looked at from then on', () => {
    watch.start()
    look(5)
    copy('a.example.cert.pem', 'other.pem')
    writeFileSync(
      file,
      sample({
        proxy:
          'proxy: { listeners: [{ name: p, host: ::1, port: 1, tls: { cert: other.pem, key: key.pem } }] }',
      }),
    )
    look(5)
    rmSync(join(folder, 'other.pem'))
    look(5)
    expect(events).toEqual([
      'config shop',
      'faults Cannot use certificate other.pem: there is no such file',
    ])
  })
})

test('a watch that is stopped tells nothing more', () => {
  watch.start()
  look(5)
  watch.stop()
  writeFileSync(file, withRoute('two'))
  look(5)
  expect(events).toEqual([])
})
