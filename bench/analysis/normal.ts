/** The normal distribution, to the digits that a simulation needs. */

/** Returns P(Z > z), with an absolute error below 1e-7 (Abramowitz and Stegun 26.2.17). */
export function normalTail(z: number): number {
  const x = Math.abs(z)
  const t = 1 / (1 + 0.231_641_9 * x)
  const poly =
    t *
    (0.319_381_53 +
      t * (-0.356_563_782 + t * (1.781_477_937 + t * (-1.821_255_978 + t * 1.330_274_429))))
  const tail = (Math.exp(-0.5 * x * x) / Math.sqrt(2 * Math.PI)) * poly
  return z >= 0 ? tail : 1 - tail
}

/** Returns z with P(Z ≤ z) = `probability`, by bisection. */
export function normalQuantile(probability: number): number {
  let low = -10
  let high = 10
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2
    if (1 - normalTail(middle) < probability) low = middle
    else high = middle
  }
  return (low + high) / 2
}
