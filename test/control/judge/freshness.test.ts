import { expect, test } from 'vitest'
import {
  type Endpoints,
  FRESH_LIMIT_MS,
  FRESH_MS,
  Freshness,
} from '../../../src/control/judge/freshness.ts'
import { AGE_MS } from '../../../src/control/judge/settlements.ts'

const LONGEST_MS = FRESH_MS + AGE_MS.max

/** Two upstreams whose endpoints the test holds in its hands. */
class Scene {
  slowStartMs = 0
  readonly endpoints = new Map<string, Map<string, boolean | null>>([
    ['shop-v1', new Map([['a', true]])],
    ['shop-v2', new Map([['b', null]])],
  ])
  readonly freshness = new Freshness((upstream): Endpoints => ({
    slowStartMs: this.slowStartMs,
    endpoints: [...this.endpoints.get(upstream)!].map(([id, isHealthy]) => ({ id, isHealthy })),
  }))

  look(nowMs: number, upstreams: readonly string[] = ['shop-v1', 'shop-v2']): readonly boolean[] {
    this.freshness.look(new Set(upstreams), nowMs)
    return upstreams.map((name) => this.freshness.isWarm(name))
  }
}

test('what is there at the first look is warm', () => {
  expect(new Scene().look(0)).toEqual([true, true])
})

test.for([
  ['that is new', (scene: Scene) => scene.endpoints.get('shop-v1')!.set('c', true), LONGEST_MS],
  [
    'of an upstream that starts slowly',
    (scene: Scene) => {
      scene.slowStartMs = 60_000
      scene.endpoints.get('shop-v1')!.set('c', null)
    },
    60_000 + AGE_MS.max,
  ],
] as const)('an endpoint %s is fresh for a while, and its upstream alone', ([, change, ms]) => {
  const scene = new Scene()
  scene.look(0)
  change(scene)
  expect(scene.look(100)).toEqual([false, true])
  expect(scene.look(99 + ms)).toEqual([false, true])
  expect(scene.look(100 + ms)).toEqual([true, true])
})

test('an endpoint that is healthy again is fresh, and not while it is ill', () => {
  const scene = new Scene()
  const stable = scene.endpoints.get('shop-v1')!
  scene.look(0)
  stable.set('a', false)
  expect(scene.look(100)).toEqual([true, true])
  stable.set('a', true)
  expect(scene.look(200)).toEqual([false, true])
  expect(scene.look(200 + LONGEST_MS)).toEqual([true, true])
})

test('an endpoint that leaves makes nothing fresh; when it comes back it is new', () => {
  const scene = new Scene()
  const stable = scene.endpoints.get('shop-v1')!.set('c', true)
  scene.look(0)
  stable.delete('c')
  expect(scene.look(100)).toEqual([true, true])
  stable.set('c', true)
  expect(scene.look(200)).toEqual([false, true])
})

test('an upstream that nobody has looked at for a while begins anew', () => {
  const scene = new Scene()
  scene.look(0)
  scene.look(100, ['shop-v2'])
  scene.endpoints.get('shop-v1')!.set('c', true)
  expect(scene.look(200)).toEqual([true, true])
})

test('an upstream whose endpoints change all the time is judged after a while', () => {
  const scene = new Scene()
  scene.look(0)
  let warmMs = 0
  for (let nowMs = 1_000; warmMs === 0 && nowMs < 1_000_000; nowMs += 1_000) {
    scene.endpoints.set('shop-v1', new Map([[`a${nowMs}`, true]]))
    if (scene.look(nowMs)[0] === true) warmMs = nowMs
  }
  expect(warmMs).toBe(1_000 + FRESH_LIMIT_MS)
  // Once they stay for a while it begins anew.
  scene.look(warmMs + LONGEST_MS)
  scene.endpoints.get('shop-v1')!.set('b', true)
  expect(scene.look(warmMs + LONGEST_MS + 1_000)).toEqual([false, true])
})
