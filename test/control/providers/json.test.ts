import { describe, expect, onTestFinished, test } from 'vitest'
import type { Value } from '../../../src/control/conditions/expression.ts'
import { HttpClient } from '../../../src/control/providers/http.ts'
import { jsonSource } from '../../../src/control/providers/json.ts'
import {
  JSON_PATH_LENGTH_LIMIT,
  JSON_PATH_VALUE_LIMIT,
  JsonPathError,
  findIn,
  readJsonPath,
} from '../../../src/control/providers/jsonpath.ts'
import { type Answer, answering, json } from './answering.ts'

async function ask(answer: Answer, path: string | null): Promise<Value> {
  const { address } = await answering(answer)
  const client = new HttpClient()
  onTestFinished(() => client.close())
  const source = jsonSource(client, {
    method: 'GET',
    url: `${address}/stats`,
    headers: {},
    path: path === null ? null : readJsonPath(path),
  })
  return source(0, new AbortController().signal)
}

const DOCUMENT = {
  data: {
    ok: true,
    rate: 0.97,
    items: [
      { n: 'a', v: 1 },
      { n: 'b', v: 2 },
    ],
  },
  'odd name': 5,
}

describe('a path', () => {
  test.for([
    ['$.data.rate', 0.97],
    ['{$.data.rate}', 0.97],
    [' { $.data.ok } ', true],
    ['$["odd name"]', 5],
    ['$.data.items[1].v', 2],
    ['$.data.items[-1].v', 2],
    ['$.data.missing', null],
    ['$.data.items[*].v', [1, 2]],
    ['$.data.items[?@.n == "b"].v', [2]],
    ['$.data.items[?length(@.n) == 1].v', [1, 2]],
    ['$..v', [1, 2]],
    ['$.data.nothing[*]', []],
    ['$["data", "odd name"]', [DOCUMENT.data, 5]],
    ['$', DOCUMENT],
  ] as const)('%s', ([path, value]) => {
    expect(findIn(DOCUMENT, readJsonPath(path))).toEqual(value)
  })

  test('sees own members alone', () => {
    for (const name of ['constructor', '__proto__', 'toString', 'length']) {
      expect(findIn([{ a: 1 }], readJsonPath(`$[0].${name}`))).toBeNull()
      expect(findIn([1], readJsonPath(`$.${name}`))).toBeNull()
    }
  })

  test('of a deep answer does not end the stack', () => {
    const deep = JSON.parse('['.repeat(100_000) + '5' + ']'.repeat(100_000)) as never
    expect(() => findIn(deep, readJsonPath('$..x'))).not.toThrow()
  })

  test('gives no more than can be used', () => {
    const many = Array.from({ length: JSON_PATH_VALUE_LIMIT + 1 }, () => 1)
    expect(() => findIn(many, readJsonPath('$[*]'))).toThrow(
      'gives 11001 values, at most 11000 are read',
    )
  })

  test.for([
    ['data.rate', /^character 1: Expected "\$"/u],
    ['$.data[', /^character 8: Expected/u],
    ['$.data..', /^character 9: Expected/u],
    ['', /^character 1: Expected/u],
    ['{range $.items[*]}{.v}{end}', /^character 1: Expected/u],
    ['$[?match(@.n, "(a+)+")]', /^match\(\) is not possible/u],
    ['$[?@.v > 1 && !search(@.n, "a")]', /^search\(\) is not possible/u],
    ['$[?count(@..*) > 1]', /^a filter may look at single members only/u],
    ['$[?@.*]', /^a filter may look at single members only/u],
    ['$[?@[?@.a]]', /^a filter may look at single members only/u],
    ['$..a..b', /^"\.\." may stand 1 time, not 2 times/u],
    ['$[*,*,*][*,*,*][*,*,*][*,*,*]', /^its unions visit a value up to 81 times/u],
    [`$.${'a'.repeat(JSON_PATH_LENGTH_LIMIT)}`, /^the path has 514 characters/u],
  ] as const)('%.40s is refused', ([path, message]) => {
    expect(() => readJsonPath(path)).toThrow(JsonPathError)
    expect(() => readJsonPath(path)).toThrow(message)
  })
})

describe('a service', () => {
  test('answers JSON, of which the path takes a part', async () => {
    expect(await ask(json(DOCUMENT), '$.data.rate')).toBe(0.97)
    expect(await ask(json(DOCUMENT), null)).toEqual(DOCUMENT)
    expect(await ask(json(5, 201), null)).toBe(5)
  })

  test('that fails, or answers something else, is the provider’s fault', async () => {
    await expect(ask(json({ error: 'no' }, 503), '$.a')).rejects.toThrow(
      'it answered 503: {"error":"no"}',
    )
    await expect(ask((_asked, response) => response.end('<html>'), '$.a')).rejects.toThrow(
      'the answer is no JSON: <html>',
    )
  })
})
