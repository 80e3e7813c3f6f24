/** An API without flags. */

import type { ApiFlags } from '../../../src/control/api/deps.ts'

function refuse(): Promise<never> {
  return Promise.reject(new Error('no flags here'))
}

export const NO_FLAGS: ApiFlags = {
  own: {
    list: () => [],
    find: () => undefined,
    create: refuse,
    remove: refuse,
    change: refuse,
    approve: refuse,
    off: refuse,
  },
  providers: () => [],
  flagship: () => ({ definitions: [], targets: [] }),
  targets: () => [],
  changes: () => Promise.resolve([]),
}
