import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { restartMass, restartSpacing, stepMass } from '../../../src/analyzer/coin/restarts.ts'

function massOf(plan: { horizonTickCount: number; stepCount: number }, tickCount: number): number {
  let mass = plan.stepCount * stepMass(plan)
  for (let tick = 0; tick < tickCount; tick++) mass += restartMass(plan, tick)
  return mass
}

test('all capital ever put in is at most 1, however long it runs', () => {
  const plans = fc.record({
    horizonTickCount: fc.integer({ min: 1, max: 5_000 }),
    stepCount: fc.nat(20),
    restartCount: fc.integer({ min: 1, max: 600 }),
  })
  fc.assert(
    fc.property(plans, fc.integer({ min: 1, max: 20_000 }), (plan, tickCount) => {
      expect(massOf(plan, tickCount)).toBeLessThanOrEqual(1 + 1e-12)
    }),
  )
})

test.for([0, 4])('with %d steps nearly all of it is spent in the end', (stepCount) => {
  expect(massOf({ horizonTickCount: 3_600, stepCount }, 200_000)).toBeGreaterThan(0.9999)
})

test('half at once, the rest evenly over the horizon, then ever less', () => {
  const plan = { horizonTickCount: 3_600, stepCount: 0 }
  expect(restartSpacing(plan)).toBe(29)
  expect(restartMass(plan, 0)).toBe(0.5)
  expect(restartMass(plan, 1)).toBe(0)
  expect(restartMass(plan, 29)).toBeCloseTo(0.375 / 124, 12)
  expect(restartMass(plan, 29 * 124)).toBeCloseTo(0.375 / 124, 12)
  expect(restartMass(plan, 29 * 125)).toBeCloseTo(0.125 * (6 / Math.PI ** 2), 12)
  expect(restartMass(plan, 29 * 126)).toBeCloseTo((0.125 * (6 / Math.PI ** 2)) / 4, 12)
})
