/**
 * The grammar of conditions: jsep, a parser of JavaScript's expressions that evaluates nothing, with the operators
 * of expr-lang, which users of Argo Rollouts write.
 *
 * Rejected: filtrex (compiles with `new Function`), expr-eval (reads `||` as joining lists), CEL (no `len`, no
 * `all(result, # < 1)`, no `result * 100` of a float, and patterns that backtrack), jexl (no predicates).
 *
 * jsep is configured for the whole process; nothing else in Sluice uses it.
 */

import jsep, { type Expression as Node, type HookScope } from 'jsep'

/** Weakest first; `**` binds from the right. Words that are the same operator get its sign in `parse.ts`. */
const OPERATORS: readonly (readonly string[])[] = [
  ['||', 'or'],
  ['&&', 'and'],
  ['==', '!=', '<', '<=', '>', '>=', 'in', 'contains', 'startsWith', 'endsWith'],
  ['+', '-'],
  ['*', '/', '%'],
  ['**', '^'],
  ['??'],
]

const RIGHT_TO_LEFT: ReadonlySet<string> = new Set(['**', '^'])

/** `#` and predicates, as nodes that jsep does not have. */
export const ELEMENT = 'Element'

configure()

/** Parses a text; throws an `Error` with `description` and `index` where it cannot. */
export function parseNodes(text: string): Node {
  return jsep(text)
}

function configure(): void {
  jsep.removeAllBinaryOps()
  jsep.removeAllUnaryOps()
  OPERATORS.forEach((level, strength) => {
    for (const operator of level) {
      jsep.addBinaryOp(operator, strength + 1, RIGHT_TO_LEFT.has(operator))
    }
  })
  for (const operator of ['!', 'not', '-', '+']) jsep.addUnaryOp(operator)
  jsep.addLiteral('nil', null)
  jsep.hooks.add('gobble-token', readPredicate)
}

/** `#` is the element, `.name` a member of it, and `{…}` a predicate: the expression in it. */
function readPredicate(this: HookScope, env: { node?: Node }): void {
  if (this.char === '#') {
    this.index++
    env.node = this.gobbleTokenProperty({ type: ELEMENT })
  } else if (this.char === '.' && /[A-Za-z_]/.test(this.expr.charAt(this.index + 1))) {
    env.node = this.gobbleTokenProperty({ type: ELEMENT })
  } else if (this.char === '{') {
    this.index++
    const inner = this.gobbleExpression()
    this.gobbleSpaces()
    if (this.expr.charAt(this.index) !== '}') this.throwError('Expected "}"')
    this.index++
    env.node = inner
  }
}
