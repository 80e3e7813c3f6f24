/**
 * A flag for a context that somebody sends, as OFREP asks: Sluice's own flags first, then flagd's definitions in the order
 * of the configuration, then rollouts by the name of their route.
 *
 * The same evaluator and the same coin as in the proxy, over the same form of the unit, so that a service learns the
 * variant that its user has.
 */

import { BUCKET_COUNT, bucketOf, seedOf, utf8 } from '../../proxy/bucket.ts'
import { normalUnit } from '../../proxy/cohort/unit.ts'
import { type FlagContext, isAscii, textOf } from '../../proxy/flags/bytes.ts'
import type { FlagDetails, FlagdFlags } from '../../proxy/flags/flagd.ts'
import type { FlagRamp } from '../../proxy/snapshot.ts'
import type { RouteTarget } from '../rollout/engine.ts'

/** Where flags are looked for. */
export interface Flagship {
  /** Definitions in the order of precedence. */
  readonly definitions: readonly {
    readonly flags: FlagdFlags
    readonly ramps: readonly FlagRamp[]
  }[]
  readonly targets: readonly RouteTarget[]
}

export type Evaluation = FlagDetails & { readonly key: string }

/** Every key, each once. */
export function keysOf({ definitions, targets }: Flagship): readonly string[] {
  const defined = definitions.flatMap(({ flags }) => flags.keys)
  return [...new Set([...defined, ...targets.map(({ route }) => route)])]
}

/** Returns null where there is no such flag. */
export function evaluate(flagship: Flagship, key: string, sent: FlagContext): Evaluation | null {
  const unit = unitOf(sent)
  const context = unit === null ? withoutKey(sent) : { ...sent, targetingKey: textOf(unit) }
  for (const { flags, ramps } of flagship.definitions) {
    const flag = flags.find(key)
    if (flag === undefined) continue
    const details = flag.details(context, isAscii(JSON.stringify(context)))
    const ramp = ramps.find((each) => each.key === key)
    const isAsked = ramp !== undefined && details.variant === 'on'
    return { key, ...(isAsked ? ofRamp(details, ramp, unit) : details) }
  }
  const target = flagship.targets.find(({ route }) => route === key)
  return target === undefined ? null : { key, ...ofRoute(target, unit) }
}

/** As the proxy would find it; null where there is none. */
function unitOf({ targetingKey }: FlagContext): string | null {
  return typeof targetingKey === 'string' && targetingKey !== ''
    ? normalUnit(utf8(targetingKey))
    : null
}

function withoutKey(sent: FlagContext): FlagContext {
  const { targetingKey: _, ...context } = sent
  return context
}

function ofRamp(details: FlagDetails, ramp: FlagRamp, unit: string | null): FlagDetails {
  if (ramp.weightBp === BUCKET_COUNT) return details
  if (unit === null) return { ...details, value: false, variant: 'off', reason: 'DEFAULT' }
  const isOn = bucketOf(unit, seedOf(ramp.salt)) < ramp.weightBp
  return { ...details, value: isOn, variant: isOn ? 'on' : 'off', reason: 'SPLIT' }
}

/** Without a unit the coin cannot be told beforehand. */
function ofRoute({ route, canary }: RouteTarget, unit: string | null): FlagDetails {
  const answer = (variant: string | null, reason: string, errorCode: string | null = null) => ({
    value: variant ?? undefined,
    variant,
    reason,
    errorCode,
    metadata: { route, ...(canary !== null && { rollout: canary.rollout }) },
  })
  if (canary === null) return answer('stable', 'STATIC')
  if (unit === null) return answer(null, 'ERROR', 'TARGETING_KEY_MISSING')
  const isCanary = bucketOf(unit, seedOf(canary.salt)) < canary.weightBp
  return answer(isCanary ? 'canary' : 'stable', 'SPLIT')
}
