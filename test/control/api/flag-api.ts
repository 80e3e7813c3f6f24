/** The real API over real flags, an engine and definitions of a team. */

import type { ApiDeps } from '../../../src/control/api/deps.ts'
import { FlagControl } from '../../../src/control/flags/flags.ts'
import { FlagHouse } from '../flags/house.ts'
import { configOf } from '../rollout/house.ts'
import { type Served, serve } from './serve.ts'

const TEAM = {
  flags: {
    banner: {
      state: 'ENABLED',
      variants: { red: 'red', blue: 'blue' },
      defaultVariant: 'blue',
      targeting: { if: [{ '==': [{ var: 'plan' }, 'gold'] }, 'red', null] },
      metadata: { owner: 'team' },
    },
    broken: {
      state: 'ENABLED',
      variants: { red: 'red' },
      defaultVariant: 'red',
      targeting: { toss: [] },
    },
    resting: { state: 'DISABLED', variants: { red: 'red' }, defaultVariant: 'red' },
  },
}

export interface Open {
  readonly house: FlagHouse
  readonly served: Served
  readonly api: (
    method: 'GET' | 'POST' | 'DELETE',
    path: string,
    body?: object,
    headers?: Record<string, string>,
  ) => ReturnType<Served['ask']>
}

export async function openFlagApi(over: Partial<ApiDeps> = {}): Promise<Open> {
  const house = await FlagHouse.open()
  const config = configOf()
  const provider = {
    name: 'team',
    variants: {},
    source: { kind: 'inline', definitions: JSON.stringify(TEAM) },
  } as const
  const control = new FlagControl({
    config: () => ({ ...config, flags: { ...config.flags, providers: [provider] } }),
    own: house.flags,
    targets: () => house.inner.engine.targets(),
    nowMs: () => house.inner.nowMs,
    log: { info() {}, warn() {}, error() {} },
    onChange: () => undefined,
  })
  await control.open()
  const served = await serve({
    engine: house.inner.engine,
    flags: {
      own: house.flags,
      providers: () => control.providers(),
      flagship: () => control.flagship(),
      targets: () => house.inner.engine.targets(),
      changes: (key, limit) => house.inner.store.flagChanges(key, limit),
    },
    ...over,
  })
  return {
    house,
    served,
    api: (method, path, body, headers = {}) =>
      served.ask(method, path, { ...(body !== undefined && { body }), headers }),
  }
}
