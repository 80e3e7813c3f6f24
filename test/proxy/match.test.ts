import { describe, expect, test } from 'vitest'
import { matchRoute } from '../../src/proxy/match.ts'
import type { PathMatch, Route } from '../../src/proxy/snapshot.ts'
import { ROUTE, tableOf } from './routes.ts'

/** `host path`, where a path that ends in `...` is a prefix, and a host of `any` is every host. */
function routeOf(rule: string): Route {
  const [hosts = '', text = ''] = rule.split(' ')
  const isPrefix = text.endsWith('...')
  const path: PathMatch = isPrefix
    ? { kind: 'prefix', value: text.slice(0, -3) }
    : { kind: 'exact', value: text }
  return { ...ROUTE, name: rule, hosts: hosts === 'any' ? [] : hosts.split(','), path }
}

/** Returns the rule that takes the request; all orders of the rules have to agree. */
function matched(rules: readonly string[], host: string, target: string): string | null {
  const routes = rules.map(routeOf)
  const names = [routes, routes.toReversed()].map(
    (order) => matchRoute(tableOf(order), host, target)?.name ?? null,
  )
  expect(names[1]).toBe(names[0])
  return names[0]!
}

describe('the most specific route takes the request', () => {
  const RULES = [
    'any /...',
    'any /api...',
    'any /api/v1...',
    'any /api/v1/users',
    '*.example.com /...',
    '*.eu.example.com /...',
    'shop.example.com /...',
    'shop.example.com /cart...',
    'shop.example.com /cart/items',
    'admin.example.com /admin...',
    'a.test,b.test /both...',
  ]

  test.for([
    { host: 'other', target: '/', rule: 'any /...' },
    { host: 'other', target: '/apis', rule: 'any /...' },
    { host: 'other', target: '/api', rule: 'any /api...' },
    { host: 'other', target: '/api/', rule: 'any /api...' },
    { host: 'other', target: '/api?v1', rule: 'any /api...' },
    { host: 'other', target: '/api/v1', rule: 'any /api/v1...' },
    { host: 'other', target: '/api/v10', rule: 'any /api...' },
    { host: 'other', target: '/api/v1/users', rule: 'any /api/v1/users' },
    { host: 'other', target: '/api/v1/users?a=/b', rule: 'any /api/v1/users' },
    { host: 'other', target: '/api/v1/users/', rule: 'any /api/v1...' },
    { host: 'other', target: '/API/v1', rule: 'any /...' },
    { host: 'other', target: '//api', rule: 'any /...' },
    { host: 'other', target: '/%61pi', rule: 'any /...' },

    { host: 'x.example.com', target: '/api/v1/users', rule: '*.example.com /...' },
    { host: 'x.y.example.com', target: '/', rule: '*.example.com /...' },
    { host: 'x.eu.example.com', target: '/', rule: '*.eu.example.com /...' },
    { host: 'eu.example.com', target: '/', rule: '*.example.com /...' },
    { host: 'example.com', target: '/', rule: 'any /...' },
    { host: '.example.com', target: '/', rule: 'any /...' },
    { host: 'xexample.com', target: '/', rule: 'any /...' },
    { host: 'x.example.com.evil', target: '/', rule: 'any /...' },

    { host: 'shop.example.com', target: '/x', rule: 'shop.example.com /...' },
    { host: 'shop.example.com', target: '/cart', rule: 'shop.example.com /cart...' },
    { host: 'shop.example.com', target: '/carts', rule: 'shop.example.com /...' },
    { host: 'shop.example.com', target: '/cart/items', rule: 'shop.example.com /cart/items' },
    { host: 'shop.example.com', target: '/api/v1/users', rule: 'shop.example.com /...' },
    { host: 'SHOP.Example.COM:8080', target: '/cart', rule: 'shop.example.com /cart...' },
    { host: 'shop.example.com.', target: '/cart', rule: 'shop.example.com /cart...' },

    { host: 'admin.example.com', target: '/admin', rule: 'admin.example.com /admin...' },
    { host: 'admin.example.com', target: '/other', rule: '*.example.com /...' },
    { host: 'a.test', target: '/both', rule: 'a.test,b.test /both...' },
    { host: 'b.test', target: '/both/x', rule: 'a.test,b.test /both...' },
    { host: 'b.test', target: '/api', rule: 'any /api...' },
    { host: '', target: '/', rule: 'any /...' },
  ])('$host $target', ({ host, target, rule }) => {
    expect(matched(RULES, host, target)).toBe(rule)
  })
})

describe('an asterisk', () => {
  test('is taken by the prefix / of its host', () => {
    const rules = ['any /api...', 'any /...', 'a.test /...']
    expect(matched(rules, 'other', '*')).toBe('any /...')
    expect(matched(rules, 'a.test:80', '*')).toBe('a.test /...')
  })

  test('is taken by no other path', () => {
    expect(matched(['any /', 'any /api...'], 'other', '*')).toBeNull()
  })
})

test('a prefix that ends in a slash takes what is below it only', () => {
  const rules = ['any /docs/...']
  expect(matched(rules, 'a', '/docs/')).toBe('any /docs/...')
  expect(matched(rules, 'a', '/docs/x')).toBe('any /docs/...')
  expect(matched(rules, 'a', '/docs')).toBeNull()
})

test('an exact path is more specific than a prefix of the same length', () => {
  expect(matched(['any /a...', 'any /a'], 'x', '/a')).toBe('any /a')
})

test('an IPv6 host is matched without its port', () => {
  expect(matched(['[::1] /...'], '[::1]:8080', '/')).toBe('[::1] /...')
  expect(matched(['[::1] /...'], '[::2]:8080', '/')).toBeNull()
})

test('no route, no match', () => {
  expect(matched([], 'a', '/')).toBeNull()
  expect(matched(['a.test /...'], '', '/')).toBeNull()
})
