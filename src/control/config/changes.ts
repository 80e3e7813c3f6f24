/**
 * What a new configuration asks for that a running process cannot do: it has its threads, its admin API and its store.
 *
 * Everything else takes effect at once. Tokens too: a revoked token that still works would be a trap.
 */

import { formatAddress } from './address.ts'
import type { Config } from './config.ts'

/** Returns a sentence for each change that waits for a restart; none where all of it can be taken. */
export function structuralChanges(old: Config, next: Config): readonly string[] {
  const settings = [
    { name: 'proxy.threads', of: ({ proxy }: Config) => String(proxy.threads) },
    { name: 'the address of the admin API', of: ({ control }: Config) => formatAddress(control) },
    { name: 'store.path', of: ({ store }: Config) => store.path },
  ]
  return settings
    .filter(({ of }) => of(old) !== of(next))
    .map(
      ({ name, of }) =>
        `${name} changed from ${of(old)} to ${of(next)}; restart to use it, until then the old one stays`,
    )
}
