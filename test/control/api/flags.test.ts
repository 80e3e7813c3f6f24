import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import type { FlagPage, FlagView } from '../../../src/control/api/flag-view.ts'
import { evaluate } from '../../../src/control/flags/evaluate.ts'
import { chooseVariant } from '../../../src/proxy/assign.ts'
import { utf8 } from '../../../src/proxy/bucket.ts'
import { share } from '../flags/house.ts'
import { routeWith, split } from '../../proxy/routes.ts'
import { openFlagApi, type Open } from './flag-api.ts'

function ask(api: Open['api'], key: string, context: object = {}) {
  return api('POST', `/ofrep/v1/evaluate/flags/${key}`, { context })
}

function as(name: string) {
  return { authorization: `Bearer ${name}` }
}

describe('flags over HTTP', () => {
  test('are made, listed, ramped, shown with their history, switched off and taken away', async () => {
    const { api } = await openFlagApi()
    const made = await api('POST', '/v1/flags', { key: 'checkout', description: 'the new one' })
    expect(made).toMatchObject({
      status: 201,
      headers: { location: '/v1/flags/checkout', etag: '"1"' },
    })
    const ramped = await api('POST', '/v1/flags/checkout/ramp', { share: 12.5 })
    expect(ramped).toMatchObject({ status: 200, json: { state: 'share', share: 12.5 } })
    const list = await api('GET', '/v1/flags')
    expect(list.json).toMatchObject({
      flags: [{ key: 'checkout', share: 12.5 }],
      providers: [
        { name: 'team', kind: 'inline', flags: 3, fault: null },
        { name: 'sluice', kind: 'own', flags: 1 },
      ],
    })
    const off = await api('POST', '/v1/flags/checkout/off')
    expect(off.json).toMatchObject({ state: 'off', share: 0 })
    const shown = (await api('GET', '/v1/flags/checkout')).json as FlagPage
    expect(shown.history.map(({ what }) => what)).toEqual([
      'switched off',
      'share 12.5 %',
      'created',
    ])
    expect((await api('DELETE', '/v1/flags/checkout')).status).toBe(200)
    expect((await api('GET', '/v1/flags/checkout')).status).toBe(404)
  })

  test('are ramped by a rollout with steps and a guard', async () => {
    const { api, house } = await openFlagApi()
    await api('POST', '/v1/flags', { key: 'checkout' })
    const rollout = {
      route: 'shop',
      to: 'shop-v2',
      strategy: {
        canary: { steps: [{ setWeight: 5 }, { pause: { duration: '1m' } }, { setWeight: 100 }] },
      },
    }
    const { json: body } = await api('POST', '/v1/flags/checkout/ramp', { rollout })
    expect(body).toMatchObject({ state: 'rollout', rollout: 'shop-1', route: 'shop', share: 5 })
    expect(house.inner.engine.find('shop-1')?.phase).toBe('progressing')
    await api('POST', '/v1/flags/checkout/off', { reason: 'it smells' })
    expect(house.inner.engine.find('shop-1')?.phase).toBe('aborted')
  })

  test('are scheduled', async () => {
    const { api } = await openFlagApi()
    await api('POST', '/v1/flags', { key: 'checkout' })
    const steps = [{ share: 5 }, { share: 100, after: '2h' }]
    const start = '2100-01-01T00:00:00Z'
    const { json: body } = await api('POST', '/v1/flags/checkout/ramp', { start, steps })
    expect(body).toMatchObject({
      share: 0,
      schedule: [
        { at: '2100-01-01T00:00:00.000Z', share: 5 },
        { at: '2100-01-01T02:00:00.000Z', share: 100 },
      ],
    })
  })

  test.for<[string, string, object, string]>([
    ['a key', '/v1/flags', { key: 'a b' }, '/key'],
    ['an audience', '/v1/flags', { key: 'b', audience: { reduce: [] } }, '/audience'],
    [
      'an inner operator',
      '/v1/flags',
      { key: 'b', audience: { and: [{ '=': [] }] } },
      '/audience/and/0',
    ],
    ['two forms', '/v1/flags/a/ramp', { share: 1, steps: [{ share: 1 }] }, ''],
    ['no form', '/v1/flags/a/ramp', {}, ''],
    [
      'a falling step',
      '/v1/flags/a/ramp',
      { steps: [{ share: 5 }, { share: 1, after: '1m' }] },
      '/steps/1/share',
    ],
    [
      'a step without time',
      '/v1/flags/a/ramp',
      { steps: [{ share: 1 }, { share: 5 }] },
      '/steps/1/after',
    ],
    [
      'a plan',
      '/v1/flags/a/ramp',
      {
        rollout: { route: 'shop', to: 'shop-v2', strategy: { canary: { steps: [{ pause: {} }] } } },
      },
      '/rollout/strategy/canary/steps',
    ],
    ['a share', '/v1/flags/a/ramp', { share: 101 }, '/share'],
  ])('faults have their place: %s', async ([, path, body, pointer]) => {
    const { api } = await openFlagApi()
    await api('POST', '/v1/flags', { key: 'a' })
    const refused = await api('POST', path, body)
    expect(refused).toMatchObject({ status: 422, json: { errors: [{ pointer }] } })
  })

  test('a change under an old ETag is refused, switching off is not', async () => {
    const { api } = await openFlagApi()
    await api('POST', '/v1/flags', { key: 'a' })
    const old = { 'if-match': '"7"' }
    expect((await api('POST', '/v1/flags/a/ramp', { share: 1 }, old)).status).toBe(412)
    expect(
      (await api('POST', '/v1/flags/a/ramp', { share: 1 }, { 'if-match': '"1"' })).status,
    ).toBe(200)
    expect((await api('POST', '/v1/flags/a/off', {}, old)).status).toBe(200)
  })

  test('a proposal is approved by another token than its own, and a viewer only looks', async () => {
    const tokens = (['ann', 'bob', 'eve'] as const).map((name) => ({
      name,
      role: name === 'eve' ? ('viewer' as const) : ('operator' as const),
      sha256: createHash('sha256').update(name).digest('hex'),
    }))
    const { api, house } = await openFlagApi({ tokens: () => tokens })
    house.approval = 'required'
    await api('POST', '/v1/flags', { key: 'a' }, as('ann'))
    const { json: body } = await api('POST', '/v1/flags/a/ramp', { share: 100 }, as('ann'))
    expect((body as FlagView).proposal).toMatchObject({ author: 'ann', change: 'share 100 %' })
    expect((await api('POST', '/v1/flags/a/approve', {}, as('eve'))).status).toBe(403)
    expect((await api('POST', '/v1/flags/a/approve', {}, as('ann'))).status).toBe(403)
    expect((await api('GET', '/v1/flags', undefined, as('eve'))).status).toBe(200)
    expect((await api('POST', '/v1/flags/a/approve', {}, as('bob'))).json).toMatchObject({
      share: 100,
    })
  })
})

describe('OFREP', () => {
  test('answers for definitions, with variant, reason and metadata', async () => {
    const { api } = await openFlagApi()
    expect(await ask(api, 'banner', { targetingKey: 'ann', plan: 'gold' })).toMatchObject({
      status: 200,
      json: {
        key: 'banner',
        value: 'red',
        variant: 'red',
        reason: 'TARGETING_MATCH',
        metadata: { owner: 'team' },
      },
    })
    const resting = (await ask(api, 'resting')).json
    expect(resting).toEqual({ key: 'resting', reason: 'DISABLED', metadata: {} })
  })

  test('its failures have the bodies of the protocol', async () => {
    const { api } = await openFlagApi()
    const gone = await ask(api, 'gone')
    expect(gone).toMatchObject({ status: 404, json: { key: 'gone', errorCode: 'FLAG_NOT_FOUND' } })
    const broken = await ask(api, 'broken')
    expect(broken).toMatchObject({ status: 400, json: { key: 'broken', errorCode: 'PARSE_ERROR' } })
  })

  test('a route without a rollout is stable for everybody; with one it needs a key', async () => {
    const { api, house } = await openFlagApi()
    expect((await ask(api, 'shop')).json).toMatchObject({ value: 'stable', reason: 'STATIC' })
    await house.inner.start()
    const keyless = await ask(api, 'shop')
    expect(keyless).toMatchObject({ status: 400, json: { errorCode: 'TARGETING_KEY_MISSING' } })
    const known = await ask(api, 'shop', { targetingKey: 'ann' })
    expect(known.json).toMatchObject({ reason: 'SPLIT', metadata: { rollout: 'shop-1' } })
  })

  test('all at once, with an ETag that changes when an answer does', async () => {
    const { api, house } = await openFlagApi()
    await house.create()
    const bulk = (headers = {}) =>
      api('POST', '/ofrep/v1/evaluate/flags', { context: { targetingKey: 'ann' } }, headers)
    const first = await bulk()
    expect(first.status).toBe(200)
    const { flags } = first.json as { flags: { key: string }[] }
    expect(flags.map(({ key }) => key)).toEqual(['checkout', 'banner', 'broken', 'resting', 'shop'])
    const etag = String(first.headers['etag'])
    expect((await bulk({ 'if-none-match': etag })).status).toBe(304)
    expect((await bulk({ 'if-none-match': `W/${etag}, "x"` })).status).toBe(304)
    await house.flags.change('checkout', share(10_000), { actor: 'ann' })
    expect((await bulk({ 'if-none-match': etag })).status).toBe(200)
  })

  test('a context that is nested without end is refused', async () => {
    const { served } = await openFlagApi()
    const text = `{"context":{"a":${'['.repeat(30_000)}${']'.repeat(30_000)}}}`
    for (const path of ['/ofrep/v1/evaluate/flags/shop', '/ofrep/v1/evaluate/flags']) {
      const headers = { 'content-type': 'application/json' }
      const refused = await served.ask('POST', path, { text, headers })
      expect(refused).toMatchObject({ status: 400, json: { errorCode: 'INVALID_CONTEXT' } })
    }
  })

  test('a context is of a bounded size', async () => {
    const { api } = await openFlagApi()
    const context = { targetingKey: 'ann', a: 'é'.repeat(40_000) }
    for (const path of ['/ofrep/v1/evaluate/flags/shop', '/ofrep/v1/evaluate/flags']) {
      expect(await api('POST', path, { context })).toMatchObject({
        status: 413,
        json: { code: 'bodyTooLarge', detail: expect.stringContaining('65536') },
      })
    }
  })

  test.for([
    ['no JSON', '{"context":', 'PARSE_ERROR'],
    ['no object', '7', 'INVALID_CONTEXT'],
    ['a context that is none', '{"context":["ann"]}', 'INVALID_CONTEXT'],
  ] as const)('a body that is %s has the failure of the protocol', async ([, text, errorCode]) => {
    const { served } = await openFlagApi()
    const headers = { 'content-type': 'application/json' }
    const one = await served.ask('POST', '/ofrep/v1/evaluate/flags/shop', { text, headers })
    expect(one).toMatchObject({ status: 400, json: { key: 'shop', errorCode } })
    const all = await served.ask('POST', '/ofrep/v1/evaluate/flags', { text, headers })
    expect(all).toMatchObject({ status: 400, json: { errorCode } })
  })

  test('an empty body is an empty context, and no page of another origin may read', async () => {
    const { served, api } = await openFlagApi()
    const { status, headers } = await served.ask('POST', '/ofrep/v1/evaluate/flags/shop')
    expect(status).toBe(200)
    expect(headers['access-control-allow-origin']).toBeUndefined()
    const foreign = { origin: 'https://evil.example.com' }
    expect((await api('POST', '/ofrep/v1/evaluate/flags/shop', {}, foreign)).status).toBe(403)
  })
})

test('OFREP and the proxy agree about 10 000 units, for a route and for the flag that its rollout decides', async () => {
  const { house, served } = await openFlagApi()
  await house.create()
  const rollout = await house.inner.start()
  await house.inner.engine.act(rollout.id, { type: 'setWeight', weightBp: 3_700 }, { actor: 'ann' })
  const [target] = house.inner.engine.targets()
  const { salt, weightBp } = target!.canary!
  const route = routeWith({ name: 'shop', salt, variants: split(weightBp), rollout: rollout.id })
  const words = ['user', 'naïve', '吉 星', 'Ångström', '🦎']
  const units = Array.from({ length: 10_000 }, (_, i) => `${words[i % words.length]}-${i}`)
  const sample = units.slice(0, 200)
  const flagship = { definitions: [], targets: house.inner.engine.targets() }
  let canaryCount = 0
  for (const unit of units) {
    const choice = { forced: null, decided: null, unit: utf8(unit.normalize('NFC')) }
    const { name } = chooseVariant(route, choice, Math.random)
    expect(evaluate(flagship, 'shop', { targetingKey: unit })?.value).toBe(name)
    if (name === 'canary') canaryCount++
  }
  expect(Math.abs(canaryCount - 3_700)).toBeLessThan(200)
  for (const unit of sample) {
    const { json: body } = await served.ask('POST', '/ofrep/v1/evaluate/flags/shop', {
      body: { context: { targetingKey: unit } },
    })
    const { value } = evaluate(flagship, 'shop', { targetingKey: unit })!
    expect(body).toMatchObject({ value })
  }
})
