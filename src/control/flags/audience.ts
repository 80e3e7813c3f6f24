/**
 * The audience of a flag as people write it: a condition in flagd's JSON logic, checked before anybody meets it.
 *
 * Only operators whose work is bounded by what is written: those that walk lists with a condition of their own, and
 * `reduce`, can be nested into hours. What each operand must be is the evaluator's to say, so it is asked.
 */

import { FlagdFlags } from '../../proxy/flags/flagd.ts'
import { isObject } from '../../proxy/flags/references.ts'
import { didYouMean } from '../config/wording.ts'
import type { Fault } from '../rollout/plan.ts'
import { definitionOf } from './definitions.ts'

/** Characters of JSON. */
export const AUDIENCE_CHARS = 16_384
/** How deep conditions may stand in each other. */
export const AUDIENCE_DEPTH = 32

const OPERATORS =
  'var missing missing_some if and or ! !! == === != !== < <= > >= in cat substr + - * / % min max starts_with ends_with sem_ver fractional'.split(
    ' ',
  )

/** Returns what is wrong with an audience, with JSON pointers into the request. */
export function audienceFaults(audience: unknown, pointer: string): readonly Fault[] {
  if (audience === null) return []
  if (!isObject(audience)) {
    return [{ pointer, detail: 'an audience is a condition in JSON logic, such as {"in": [...]}' }]
  }
  const faults: Fault[] = []
  look(audience, { pointer, depth: 1, faults })
  if (faults.length > 0) return faults
  const { length } = JSON.stringify(audience)
  if (length > AUDIENCE_CHARS) {
    const detail = `the audience has ${length} characters, at most ${AUDIENCE_CHARS} are read`
    return [{ pointer, detail }]
  }
  const definition = definitionOf(audience, { kind: 'share', weightBp: 0 })
  const flag = new FlagdFlags(JSON.stringify({ flags: { audience: definition } })).find('audience')
  if (flag?.isSound === true) return []
  return [{ pointer, detail: 'the audience cannot be evaluated' }]
}

interface Place {
  readonly pointer: string
  readonly depth: number
  readonly faults: Fault[]
}

function look(logic: unknown, { pointer, depth, faults }: Place): void {
  const inner = (key: string | number): Place => ({
    pointer: `${pointer}/${String(key).replaceAll('~', '~0').replaceAll('/', '~1')}`,
    depth: depth + 1,
    faults,
  })
  if (typeof logic !== 'object' || logic === null) return
  if (depth > AUDIENCE_DEPTH) {
    const isFirst = faults.every(({ detail }) => !detail.startsWith('stands'))
    const detail = `stands in more than ${AUDIENCE_DEPTH} others`
    if (isFirst) faults.push({ pointer, detail })
    return
  }
  if (Array.isArray(logic)) {
    for (const [i, each] of logic.entries()) look(each, inner(i))
    return
  }
  if (!isObject(logic)) return
  const names = Object.keys(logic)
  if (names.length !== 1) {
    faults.push({ pointer, detail: `a condition has one operator, this one has ${names.length}` })
    return
  }
  const [name = ''] = names
  if (!OPERATORS.includes(name)) {
    const detail = `there is no operator "${name}" for audiences; ${didYouMean(name, OPERATORS)}`
    faults.push({ pointer, detail })
    return
  }
  look(logic[name], inner(name))
}
