import { expect, test } from 'vitest'
import { RetryBudget, RetryBudgets } from '../../../src/proxy/attempt/budget.ts'

/** Returns how many of the requests were tried again, each of which fails. */
function retriesOf(budget: RetryBudget, requestCount: number, requestsPerSecond: number): number {
  let count = 0
  for (let i = 0; i < requestCount; i++) {
    budget.deposit((i * 1000) / requestsPerSecond)
    if (budget.withdraw((i * 1000) / requestsPerSecond)) count++
  }
  return count
}

test.for([
  [100, 1_000],
  [1_000, 10_000],
  [10_000, 10_000],
] as const)('at %i requests a second a fifth is tried again', ([perSecond, count]) => {
  const retries = retriesOf(new RetryBudget(0), count, perSecond)
  expect(retries / count).toBeGreaterThan(0.19)
  expect(retries / count).toBeLessThan(0.25)
})

test('a route with little traffic has retries too', () => {
  expect(retriesOf(new RetryBudget(0), 100, 2)).toBe(100)
})

test.for([
  [10, 10],
  [100, 10],
  [1_000, 100],
] as const)('at %i requests a second %i retries can be saved up', ([perSecond, saved]) => {
  const budget = new RetryBudget(0)
  const lastMs = 10_000
  for (let i = 0; i <= (perSecond * lastMs) / 1000; i++) budget.deposit((i * 1000) / perSecond)
  let count = 0
  while (budget.withdraw(lastMs)) count++
  expect(count).toBe(saved)
})

test('a clock that goes back gives nothing', () => {
  const budget = new RetryBudget(1_000_000)
  while (budget.withdraw(1_000_000)) continue
  expect(budget.withdraw(0)).toBe(false)
})

test('a budget outlives the tables, and goes with its route', () => {
  const budgets = new RetryBudgets()
  const shop = budgets.obtain('shop', 0)
  budgets.retain(new Set(['shop']))
  expect(budgets.obtain('shop', 0)).toBe(shop)
  budgets.retain(new Set())
  expect(budgets.obtain('shop', 0)).not.toBe(shop)
})
