/** What is refused of flags, each with its code and a sentence that says what to do instead. */

import { CodedError } from '../coded-error.ts'
import type { Config } from '../config/config.ts'
import { didYouMean } from '../config/wording.ts'
import type { RouteTarget } from '../rollout/engine.ts'
import type { OwnFlag, Proposal, RampRequest } from './own.ts'

/** Throws `notFound`. */
export function requireFlag(flags: ReadonlyMap<string, OwnFlag>, key: string): OwnFlag {
  const flag = flags.get(key)
  if (flag !== undefined) return flag
  const keys = [...flags.keys()]
  const hint = keys.length === 0 ? 'there is none yet' : didYouMean(key, keys.slice(0, 20))
  throw new CodedError('notFound', `There is no flag "${key}"; ${hint}`)
}

/** Throws `stale`. */
export function requireGeneration(flag: OwnFlag, generation: number | undefined): void {
  if (generation === undefined || generation === flag.generation) return
  const message = `Cannot change flag "${flag.key}": it is at generation ${flag.generation}, not ${generation}; look at it again`
  throw new CodedError('stale', message, { generation: flag.generation })
}

/** Returns what was proposed. Throws `invalidTransition` where nothing was, `forbidden` for its author. */
export function requireApprover({ key, proposal }: OwnFlag, actor: string): Proposal {
  if (proposal === null) {
    throw new CodedError('invalidTransition', `Cannot approve flag "${key}": nothing is proposed`)
  }
  if (proposal.author === actor) {
    const message = `Cannot approve flag "${key}": "${actor}" proposed it; somebody else must approve`
    throw new CodedError('forbidden', message)
  }
  return proposal
}

/** Throws `invalidRequest` where the configuration has no such route or upstream, or it is the stable one. */
export function requireRamp(
  config: Config,
  targets: readonly RouteTarget[],
  { key }: OwnFlag,
  { route, to }: RampRequest,
): void {
  const fail = (field: string, detail: string): never => {
    const message = `Cannot ramp flag "${key}": ${detail}`
    throw new CodedError('invalidRequest', message, {
      errors: [{ pointer: `/rollout/${field}`, detail }],
    })
  }
  const routes = config.routes.map(({ name }) => name)
  if (!routes.includes(route)) {
    fail('route', `there is no route "${route}"; ${didYouMean(route, routes)}`)
  }
  const upstreams = [...config.upstreams.keys()]
  if (!upstreams.includes(to)) {
    fail('to', `there is no upstream "${to}"; ${didYouMean(to, upstreams)}`)
  }
  if (targets.some((target) => target.route === route && target.stable === to)) {
    fail('to', `"${to}" is the stable upstream of route "${route}" already`)
  }
}
