import { expect, onTestFinished, test } from 'vitest'
import type { FlagsConfig } from '../../../src/control/config/flags.ts'
import { EVALUATION_ROWS, FlagControl } from '../../../src/control/flags/flags.ts'
import { configOf } from '../rollout/house.ts'
import { FlagHouse } from './house.ts'

function inline(name: string, ...keys: readonly string[]) {
  const flag = { state: 'ENABLED', variants: { on: true }, defaultVariant: 'on' }
  const flags = Object.fromEntries(keys.map((key) => [key, flag]))
  return {
    name,
    variants: {},
    source: { kind: 'inline', definitions: JSON.stringify({ flags }) },
  } as const
}

const VENDOR = {
  name: 'vendor',
  variants: {},
  source: {
    kind: 'openFeature',
    module: 'file:///vendor.mjs',
    options: '{}',
    deadlineMs: 5,
    memoMs: 1_000,
    memoLimit: 100,
  },
} as const

async function open(...providers: FlagsConfig['providers']) {
  const house = await FlagHouse.open()
  const said: string[] = []
  const say = (message: string) => void said.push(message)
  let inForce = configOf()
  const use = (...others: FlagsConfig['providers']) => {
    inForce = { ...inForce, flags: { ...inForce.flags, providers: others } }
    return inForce
  }
  use(...providers)
  const control = new FlagControl({
    config: () => inForce,
    own: house.flags,
    targets: () => house.inner.engine.targets(),
    nowMs: () => 1,
    log: { info: say, warn: say, error: say },
    onChange: () => undefined,
  })
  onTestFinished(() => control.close())
  await control.open()
  return { control, house, said, use }
}

test('the threads get every provider, and the flags that Sluice keeps last', async () => {
  const { control, house, use } = await open(inline('team', 'a'), VENDOR)
  await house.create()
  const compiled = control.compile(use(inline('team', 'b')), [])
  expect(compiled.providers.map(({ name }) => name)).toEqual(['team', 'sluice'])
  expect(JSON.stringify(compiled)).toContain('\\"b\\"')
  expect(compiled.providers[1]?.source).toMatchObject({
    definitions: expect.stringContaining('checkout'),
  })
})

test('a configuration that is not taken leaves the definitions of the one in force', async () => {
  const { control, use } = await open(inline('team', 'a'))
  const next = configOf()
  control.compile({ ...next, flags: { ...next.flags, providers: [inline('team', 'b')] } }, [])
  expect(control.flagship().definitions[1]?.flags.keys).toEqual(['a'])
  use()
  control.compile(next, [])
  expect(control.flagship().definitions).toHaveLength(1)
})

test("OFREP knows Sluice's own flags first", async () => {
  const { control, house } = await open(inline('team', 'checkout', 'other'))
  await house.create()
  const keys = control.flagship().definitions.map(({ flags }) => flags.keys)
  expect(keys).toEqual([['checkout'], ['checkout', 'other']])
})

test('what threads evaluate is added up, in a bounded number of rows', async () => {
  const { control } = await open()
  const row = { provider: 'team', variant: 'canary', reason: 'static', count: 2 }
  control.hear({ counts: [{ ...row, flag: 'a' }], faults: [] })
  control.hear({ counts: [{ ...row, flag: 'a' }], faults: [] })
  expect(control.evaluations()).toEqual([
    { labels: { provider: 'team', flag: 'a', variant: 'canary', reason: 'static' }, value: 4 },
  ])
  const many = Array.from({ length: EVALUATION_ROWS + 10 }, (_, i) => ({ ...row, flag: `f${i}` }))
  control.hear({ counts: many, faults: [] })
  expect(control.evaluations()).toHaveLength(EVALUATION_ROWS + 1)
  expect(control.evaluations().at(-1)).toMatchObject({ labels: { flag: 'other' }, value: 22 })
})

test('what threads say of a provider is shown, and logged once', async () => {
  const { control, said } = await open(VENDOR)
  const fault = { provider: 'vendor', fault: 'no licence' }
  control.hear({ counts: [], faults: [fault, fault] })
  expect(control.providers()[0]).toMatchObject({
    name: 'vendor',
    fault: 'no licence',
    failureCount: 2,
  })
  expect(said).toEqual(['Flags of "vendor" cannot be loaded: no licence'])
  control.hear({ counts: [], faults: [{ ...fault, fault: null }] })
  expect(control.providers()[0]).toMatchObject({ fault: null, failureCount: 2 })
})
