/**
 * `$evaluators` and `$ref` of flagd definitions, put in their places.
 *
 * flagd-core does it too, but lets them grow without bound: ten parts that each name the one before ten times are ten
 * thousand million. Here the growth is worked out before it is made.
 */

/** Characters of definitions with every reference in its place. */
export const EXPANDED_CHARS = 4_194_304

/** Parts that others may refer to; for each, all definitions are searched. */
export const EVALUATOR_LIMIT = 256

/** Returns what the text holds without references. Throws where it is no JSON object, or grows too large. */
export function expand(text: string): Record<string, unknown> {
  const value = parseObject(text)
  const parts = value['$evaluators']
  if (!isObject(parts)) return value
  const partCount = Object.keys(parts).length
  if (partCount > EVALUATOR_LIMIT) {
    throw new Error(`has ${partCount} $evaluators; at most ${EVALUATOR_LIMIT} are possible`)
  }
  let expanded = JSON.stringify(value)
  for (const [name, part] of Object.entries(parts)) {
    const reference = JSON.stringify({ $ref: name })
    const replacement = JSON.stringify(part)
    const pieces = expanded.split(reference)
    const growth = (pieces.length - 1) * (replacement.length - reference.length)
    if (expanded.length + growth > EXPANDED_CHARS) {
      throw new Error(
        `with its references in place it is larger than ${EXPANDED_CHARS} characters; $evaluators "${name}" is too much`,
      )
    }
    expanded = pieces.join(replacement)
  }
  const { $evaluators: _, ...rest } = parseObject(expanded)
  return rest
}

function parseObject(text: string): Record<string, unknown> {
  const value: unknown = JSON.parse(text)
  if (isObject(value)) return value
  throw new Error('is not a JSON object')
}

/** Whether a value of JSON is an object, and not an array. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Whether there are more than so many levels of objects and arrays in a value of JSON. */
export function isDeeper(value: unknown, limit: number): boolean {
  if (typeof value !== 'object' || value === null) return false
  return limit === 0 || Object.values(value).some((each) => isDeeper(each, limit - 1))
}
