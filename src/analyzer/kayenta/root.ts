/**
 * Where a function of one variable crosses zero: Brent's method ("Algorithms for Minimization Without
 * Derivatives", 1973, chapter 4) in the form of netlib's `zeroin`, which R and Kayenta's judge use.
 *
 * Bisection was rejected: on the step functions of the judge the two stop at different points of the last
 * bracket, and the exact mode must stop where Kayenta stops.
 *
 *     previous          best      opposite
 *     |-----------------|---------|        the root lies between best and opposite
 */

/** The judge's functions are steps: 60 halvings end any bracket, so the limit only guards against a bug. */
const STEP_LIMIT = 1_001

interface Point {
  readonly x: number
  readonly y: number
}

/**
 * Returns a point where `f` changes its sign, within `tolerance` (and the precision of a double); `low` or
 * `high` itself where `f` is exactly 0 there. `f` has different signs at both.
 */
export function findRoot(
  f: (x: number) => number,
  { low, high, tolerance }: { low: number; high: number; tolerance: number },
): number {
  let previous: Point = { x: low, y: f(low) }
  if (previous.y === 0) return low
  let best: Point = { x: high, y: f(high) }
  if (best.y === 0) return high
  let opposite = previous
  for (let i = 0; i < STEP_LIMIT; i++) {
    const lastStep = best.x - previous.x
    if (Math.abs(opposite.y) < Math.abs(best.y)) {
      previous = best
      best = opposite
      opposite = previous
    }
    const precision = 2 * Number.EPSILON * Math.abs(best.x) + tolerance / 2
    const half = (opposite.x - best.x) / 2
    if (Math.abs(half) <= precision || best.y === 0) break

    const isShrinking = Math.abs(lastStep) >= precision && Math.abs(previous.y) > Math.abs(best.y)
    const guess = isShrinking ? interpolate(previous, best, opposite) : null
    const isGood =
      guess !== null &&
      guess.top <
        0.75 * (opposite.x - best.x) * guess.bottom - Math.abs(precision * guess.bottom) / 2 &&
      guess.top < Math.abs((lastStep * guess.bottom) / 2)
    const wanted = isGood ? guess.top / guess.bottom : half
    const step = Math.abs(wanted) < precision ? (wanted > 0 ? precision : -precision) : wanted

    previous = best
    best = { x: best.x + step, y: f(best.x + step) }
    if (best.y > 0 === opposite.y > 0) opposite = previous
  }
  return best.x
}

/** The step to where the line (two points) or parabola (three) through them is zero, as `top / bottom`, top >= 0. */
function interpolate(
  previous: Point,
  best: Point,
  opposite: Point,
): { top: number; bottom: number } {
  const width = opposite.x - best.x
  const t1 = best.y / (previous.x === opposite.x ? previous.y : opposite.y)
  let top = width * t1
  let bottom = 1 - t1
  if (previous.x !== opposite.x) {
    const q = previous.y / opposite.y
    const t2 = best.y / previous.y
    top = t2 * (width * q * (q - t1) - (best.x - previous.x) * (t1 - 1))
    bottom = (q - 1) * (t1 - 1) * (t2 - 1)
  }
  return top > 0 ? { top, bottom: -bottom } : { top: -top, bottom }
}
