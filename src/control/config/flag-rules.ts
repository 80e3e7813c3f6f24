/** Rules that ask flags: whether there is the provider that they name. And whether somebody can approve changes of flags. */

import type { Path } from './fault.ts'
import { type Found, get, isMap, items } from './lookup.ts'
import { OWN_PROVIDER } from './schema-flags.ts'
import { didYouMean, quote } from './wording.ts'

/** `value` is what `readDocument` gave. */
export function checkFlagRules(
  value: unknown,
  complain: (path: Path, message: string) => void,
): void {
  const providers = get(get(value, 'flags'), 'providers')
  const names = [OWN_PROVIDER, ...(isMap(providers) ? Object.keys(providers) : [])]
  for (const { path, value: rule } of rulesIn(value)) {
    const provider = get(get(rule, 'flag'), 'provider')
    if (typeof provider !== 'string' || names.includes(provider)) continue
    complain(
      [...path, 'flag', 'provider'],
      `there is no provider ${quote(provider)} in flags.providers; ${didYouMean(provider, names)}`,
    )
  }
}

/** Who proposes may not approve, and without tokens everybody is the same. */
export function checkApproval(
  value: unknown,
  complain: (path: Path, message: string) => void,
): void {
  if (get(get(value, 'flags'), 'approval') !== 'required') return
  const able = items(value, ['control', 'tokens']).filter(
    ({ value: token }) => get(token, 'role') !== 'viewer',
  )
  if (able.length > 1) return
  complain(
    ['flags', 'approval'],
    `needs two tokens in control.tokens that may change flags (role operator or admin), but there is ${able.length === 0 ? 'none' : 'one'}`,
  )
}

function rulesIn(value: unknown): readonly Found<unknown>[] {
  return items(value, ['routes']).flatMap(({ path, value: route }) =>
    items(route, ['rules']).map((rule) => ({ path: [...path, ...rule.path], value: rule.value })),
  )
}
