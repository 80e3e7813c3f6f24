/**
 * What the engine refuses, each with its code and a sentence that says what to do instead.
 */

import { CodedError } from '../coded-error.ts'
import type { Config, RouteConfig } from '../config/config.ts'
import { allowed } from './actions.ts'
import type { Book } from './book.ts'
import type { Action, Expected, StartRequest } from './engine.ts'
import { whyBlocked } from './reconcile.ts'
import type { Rollout } from './state.ts'

/** How many names a sentence lists. */
const NAMES = 10

/** Throws `invalidRequest` unless the route can be moved there; returns the route. */
export function requireStart(
  config: Config,
  book: Book,
  { route: name, to }: StartRequest,
): RouteConfig {
  const doing = `Cannot start rollout on "${name}"`
  const route = config.routes.find((candidate) => candidate.name === name)
  if (route === undefined) {
    const names = config.routes.map((candidate) => candidate.name)
    throw badField('/route', `${doing}: there is no such route; there is ${list(names)}`)
  }
  if (!config.upstreams.has(to)) {
    const names = [...config.upstreams.keys()]
    throw badField('/to', `${doing}: there is no upstream "${to}"; there is ${list(names)}`)
  }
  if (book.stableOf(route) === to) {
    throw badField('/to', `${doing}: "${to}" is its stable upstream already`)
  }
  return route
}

/** Throws `stale` when the rollout is not where the caller believes. */
export function requireExpected(rollout: Rollout, action: Action, expected: Expected): void {
  const doing = `Cannot ${verbOf(action)} rollout "${rollout.id}"`
  const { generation, stepIndex } = expected
  if (generation !== undefined && generation !== rollout.generation) {
    const message = `${doing}: it is at generation ${rollout.generation}, not ${generation}; look at it again`
    throw new CodedError('stale', message, { generation: rollout.generation })
  }
  const isAt = 'stepIndex' in rollout ? rollout.stepIndex : null
  if (stepIndex !== undefined && stepIndex !== isAt) {
    const where = isAt === null ? 'past its last step' : `at step ${isAt}`
    const message = `${doing}: it is ${where}, not at step ${stepIndex}; look at it again`
    throw new CodedError('stale', message, { generation: rollout.generation, step: isAt })
  }
}

/** Throws `invalidTransition` when the phase does not take the action. */
export function requireAllowed(rollout: Rollout, action: Action): void {
  const ways = allowed(rollout)
  if (ways.includes(action.type)) return
  const instead = ways.length === 0 ? 'start a new one' : `it takes ${ways.join(', ')}`
  throw invalid(rollout, action, `it is ${rollout.phase}; ${instead}`)
}

/** Throws `invalidTransition` when the configuration, or another rollout, leaves no room to go on. */
export function requirePlace(config: Config, book: Book, rollout: Rollout, action: Action): void {
  const isBack =
    action.type === 'retry' || (action.type === 'resume' && rollout.phase === 'blocked')
  if (!isBack) return
  const missing = whyBlocked(config, rollout)
  if (missing !== null) throw invalid(rollout, action, missing)
  if (action.type !== 'retry') return

  const running = book.runningOn(rollout.route)
  if (running !== undefined) {
    const why = `"${running.id}" runs on route "${rollout.route}"; abort that one first`
    throw invalid(rollout, action, why)
  }
  const route = config.routes.find(({ name }) => name === rollout.route)
  const stable = route === undefined ? rollout.from : book.stableOf(route)
  if (stable !== rollout.from) {
    const why = `it left "${rollout.from}", but "${stable}" is stable by now; start a new one`
    throw invalid(rollout, action, why)
  }
}

function invalid(rollout: Rollout, action: Action, why: string): CodedError {
  const message = `Cannot ${verbOf(action)} rollout "${rollout.id}": ${why}`
  return new CodedError('invalidTransition', message, {
    phase: rollout.phase,
    allowed: allowed(rollout),
  })
}

function verbOf({ type }: Action): string {
  return type === 'setWeight' ? 'set the weight of' : type
}

function badField(pointer: string, message: string): CodedError {
  const detail = message.slice(message.indexOf(': ') + 2)
  return new CodedError('invalidRequest', message, { errors: [{ pointer, detail }] })
}

function list(names: readonly string[]): string {
  const more = names.length > NAMES ? ` and ${names.length - NAMES} more` : ''
  return (
    names
      .slice(0, NAMES)
      .map((name) => `"${name}"`)
      .join(', ') + more
  )
}
