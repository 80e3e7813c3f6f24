import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  type Conditions,
  judgeResult,
  readConditions,
} from '../../../src/control/conditions/condition.ts'
import { STEP_LIMIT, evaluate } from '../../../src/control/conditions/evaluate.ts'
import {
  ConditionError,
  NoDataError,
  type Value,
} from '../../../src/control/conditions/expression.ts'
import {
  CONDITION_DEPTH_LIMIT,
  CONDITION_LENGTH_LIMIT,
  ConditionSyntaxError,
  parseCondition,
} from '../../../src/control/conditions/parse.ts'

function valueOf(text: string, result: Value = null): Value {
  return evaluate(parseCondition(text), result)
}

function faultOf(text: string): ConditionSyntaxError {
  try {
    parseCondition(text)
  } catch (error) {
    if (error instanceof ConditionSyntaxError) return error
    throw error
  }
  throw new Error(`${text} was read without a fault`)
}

function outcomeOf(conditions: Conditions, result: Value): string {
  return judgeResult(conditions, result).outcome
}

const SERVICE = { ok: true, data: { values: [{ value: '9901' }, { value: '9950' }] } }

describe('what users of Argo Rollouts bring', () => {
  test.for([
    ['result[0] >= 0.95', [0.97], true],
    ['result[0] >= 0.95', [0.9], false],
    ['result >= 0.95', 0.97, true],
    ['len(result) == 0 || result[0] < 0.05', [0.01], true],
    ['all(result, # < 0.05)', [0.01, 0.02], true],
    ['all(result, # < 0.05)', [0.01, 0.06], false],
    ['all(result, {# < 0.05})', [0.01], true],
    ['any(result, {# > 3})', [1, 5], true],
    ['all(result.data.values, {asFloat(.value) >= 9900})', SERVICE, true],
    ['all(result.data.values, asInt(#.value) > 9901)', SERVICE, false],
    ['result.ok', SERVICE, true],
    ['result.ok == true', SERVICE, true],
    ['result[\'data\'].values[0].value == "9901"', SERVICE, true],
    ['result.ok && not (result.data.values[0].value == "1")', SERVICE, true],
    ['isNaN(result[0])', [Number.NaN], true],
    ['isInf(result[0])', [Infinity], true],
    ['isNil(result.missing)', SERVICE, true],
    ['default(result.missing, 0) == 0', SERVICE, true],
    ['result.missing ?? 5 > 4', SERVICE, true],
    ['result == "healthy"', 'healthy', true],
    ['result in ["ok", "healthy"]', 'healthy', true],
    ['result startsWith "he" and result endsWith "y"', 'healthy', true],
    ['"ok" in result', SERVICE, true],
    ['result.missing == nil', SERVICE, true],
    ['result?.a?.b == nil', SERVICE, true],
    [
      'any(result.slos, {any(.states, {.state == "breached"})})',
      { slos: [{ states: [{ state: 'breached' }] }] },
      true,
    ],
  ] as const)('%s of %j is %j', ([text, result, expected]) => {
    expect(valueOf(text, result)).toBe(expected)
  })
})

test.for([
  ['1 + 2 * 3', 7],
  ['(1 + 2) * 3', 9],
  ['2 ** 3 ** 2', 512],
  ['2 ^ 3', 8],
  ['-result[1]', -2],
  ['7 % 4 - +1', 2],
  ['"a" + "b"', 'ab'],
  ['result[-1]', 3],
  ['true ? 1 : 2', 1],
  ['1 > 2 ? 1 : 2', 2],
  ['sum(result)', 6],
  ['mean(result)', 2],
  ['median([4, 1, 3, 2])', 2.5],
  ['min(result) + max(result)', 4],
  ['abs(-2) + ceil(1.2) + floor(1.8) + round(1.5)', 7],
  ['count(result, # > 1)', 2],
  ['one(result, # == 3)', true],
  ['none(result, # > 3)', true],
  ['len(filter(result, # > 1))', 2],
  ['sum(map(result, # * 10))', 60],
  ['len("abc") + len(result)', 6],
  ['!(1 == 1.0)', false],
  ['1 != 2 and not false or false', true],
  ['"b" > "a"', true],
  ['asFloat("1.5") + asInt(2.9)', 3.5],
  ['"abc" contains "b"', true],
  ['false && result.x > 1', false],
  ['true || result.x > 1', true],
] as const)('%s is %j', ([text, expected]) => {
  expect(valueOf(text, [1, 2, 3])).toEqual(expected)
})

describe('nothing can be said', () => {
  test.for([
    ['result[0] > 1', [Number.NaN], '> cannot compare NaN'],
    ['result[0] == result[0]', [Infinity], '== cannot compare Infinity'],
    ['1 / 0 > 1', [1], '> cannot compare Infinity'],
    ['result[3] > 1', [1, 2], 'there is no element 3 in a list of 2'],
    ['result.a > 1', {}, '> needs a number, and the value is missing'],
    ['result.a.b == 1', {}, 'there is no "b" of a missing value'],
    ['all(result, # > 1)', [], 'all was asked of an empty list'],
    ['none(result, # > 1)', [], 'none was asked of an empty list'],
    ['mean(result) > 1', [], 'mean was asked of an empty list'],
    ['max(result) > 1', [null], 'max needs a number, and the value is missing'],
    ['len(result.a) > 1', {}, 'len was asked of a missing value'],
    ['1 in result.a', {}, 'in needs a list or a map, and the value is missing'],
    ['result.a != 5', {}, '!= needs a value, and it is missing'],
    ['5 != result.a', {}, '!= needs a value, and it is missing'],
    ['result.a == 0', {}, '== needs a value, and it is missing'],
    ['result.a == result.b', {}, '== needs a value, and it is missing'],
    ['not (result.a in ["bad"])', {}, 'in needs a value, and it is missing'],
    ['none(result, # == 7)', [1, null], '== needs a value, and it is missing'],
    ['median(result) < 1', [Number.NaN, 0.1, 0.2], '< cannot compare NaN'],
  ] as const)('by %s of %j', ([text, result, message]) => {
    expect(() => valueOf(text, result)).toThrow(new NoDataError(message))
  })
})

describe('a condition does not fit', () => {
  test.for([
    ['result > 1', 'a', '> needs a number, but "a" is a text'],
    ['result && true', 1, '1 is a number, and true or false is needed'],
    ['result.x', 5, '5 is a number and has no "x"'],
    ['result["x"]', [1], 'a list has no "x", only whole numbers from 0'],
    ['result[0]', {}, 'a map has no 0, only names'],
    ['all(result, # > 1)', 5, 'all needs a list, but 5 is a number'],
    ['result == [1]', [1], 'lists and maps cannot be compared as a whole; compare their members'],
    ['len(result)', 5, 'len needs a list, a map or a text, but 5 is a number'],
    ['asFloat(result)', 'abc', '"abc" is not a number'],
    ['asFloat(result)', '', '"" is not a number'],
    ['result contains "x"', 5, 'contains needs two texts, but found 5 and "x"'],
    ['1 in result', 'x', 'in looks for a value in a list or a name in a map, not in "x"'],
  ] as const)('%s to %j', ([text, result, message]) => {
    expect(() => valueOf(text, result)).toThrow(new ConditionError(message))
  })
})

describe('a fault names its place', () => {
  test.for([
    ['', 0, 'found nothing, expected a condition'],
    ['  ', 0, 'found nothing, expected a condition'],
    ['result[0] >=', 12, 'expected expression after >='],
    ['result[0', 8, 'unclosed ['],
    ['(result', 7, 'unclosed ('],
    ['result === 1', 9, 'expected expression after =='],
    ['result = 1', 7, 'unexpected "="'],
    ['result & 1', 7, 'unexpected "&"'],
    ['result 5', 7, 'found several expressions, expected one'],
    ['result; 5', 8, 'found several expressions, expected one'],
    ['reslut > 1', 0, 'unknown name "reslut"; only result is known'],
    ['1 < results', 4, 'unknown name "results"; only result is known'],
    ['len > 1', 0, 'unknown name "len"; len is a function: len(…)'],
    ['lenn(result) > 1', 0, 'unknown function "lenn"; did you mean len?'],
    ['matches(result, "a")', 0, 'unknown function "matches"; possible: len, isNaN'],
    ['len(result, 1)', 0, 'len takes 1 argument, found 2'],
    ['all(result)', 0, 'all takes 2 arguments, found 1'],
    ['# > 1', 0, '# stands for an element only inside of all'],
    ['all(#, # > 1)', 4, '# stands for an element only inside of all'],
    ['result.len(1)', 0, 'only functions can be called'],
    ['result[0](1)', 0, 'only functions can be called'],
    ['this.x', 0, 'ThisExpression is not part of conditions'],
    ['[1,,2]', 0, 'a value is missing'],
    ['all(result, {# > 1)', 18, 'expected "}"'],
    ['1e999 > 1', 0, 'the number is too large'],
    ['result.', 7, 'unexpected '],
    ['result matches "a+"', 7, 'found several expressions, expected one, or an operator'],
    ['"open', 5, 'unclosed quote after "open"'],
  ] as const)('%j', ([text, offset, message]) => {
    const found = faultOf(text)
    expect(found.message).toContain(`character ${found.offset + 1}: ${message}`)
    expect(found.offset).toBe(offset)
  })

  test('and there are bounds', () => {
    expect(faultOf(`1${'+1'.repeat(CONDITION_LENGTH_LIMIT / 2)}`).message).toBe(
      'character 1025: the condition has 1025 characters, at most 1024 are read',
    )
    expect(parseCondition('('.repeat(400) + 1 + ')'.repeat(400))).toEqual({
      type: 'literal',
      value: 1,
    })
    for (const [open, close] of [
      ['!', ''],
      ['[', ']'],
      ['len(', ')'],
      ['-', ''],
      ['1?', ':1'],
    ] as const) {
      const deep =
        open.repeat(CONDITION_DEPTH_LIMIT + 1) + 1 + close.repeat(CONDITION_DEPTH_LIMIT + 1)
      expect(faultOf(deep).message).toBe(
        `character 1: the condition is nested deeper than ${CONDITION_DEPTH_LIMIT} levels`,
      )
    }
  })
})

describe('a condition cannot do harm', () => {
  test.for(['constructor', '__proto__', 'prototype', 'toString', 'hasOwnProperty', 'valueOf'])(
    'it sees no %s that is not the result’s own',
    (name) => {
      expect(valueOf(`result.${name}`, { a: 1 })).toBeNull()
      expect(valueOf(`result["${name}"]`, { a: 1 })).toBeNull()
      expect(valueOf(`"${name}" in result`, { a: 1 })).toBe(false)
      expect(() => valueOf(`result.${name}`, [1])).toThrow(ConditionError)
      expect(() => valueOf(`result.${name}`, 'text')).toThrow(ConditionError)
      expect(() => parseCondition(`${name}(result)`)).toThrow(ConditionSyntaxError)
      expect(() => parseCondition(`result.${name}("return process")()`)).toThrow(
        ConditionSyntaxError,
      )
    },
  )

  test('own members of such names are plain values', () => {
    expect(valueOf('result.__proto__ == 5', JSON.parse('{"__proto__": 5}'))).toBe(true)
    expect(valueOf('result.constructor', { constructor: 'x' })).toBe('x')
  })

  test('it ends', () => {
    const many = Array.from({ length: 10_000 }, (_, i) => i)
    expect(valueOf('all(result, # >= 0 && # < 10000)', many)).toBe(true)
    const message = `the condition takes more than ${STEP_LIMIT} steps on this result`
    for (const text of [
      'all(result, all(result, # >= 0))',
      'all(result, sum(result) > 0)',
      'all(result, # in result)',
      'len(map(result, filter(result, true))) > 0',
    ]) {
      expect(() => valueOf(text, many)).toThrow(new ConditionError(message))
    }
    const long = 'a'.repeat(1_000_000)
    expect(() => valueOf('all(result, # contains "b" || true)', Array(100).fill(long))).toThrow(
      ConditionError,
    )
  })

  test('whatever the text, it is read or refused inside of it', () => {
    const words =
      'result # . { } [ ] ( ) , ? : ! - + * / && || and or not in == < >= 0 1.5 "a" nil true len all isNaN x'
    const texts = fc.oneof(
      fc.string({ maxLength: 60 }),
      fc
        .array(fc.constantFrom(' ', ...words.split(' ')), { maxLength: 20 })
        .map((all) => all.join('')),
    )
    fc.assert(
      fc.property(texts, fc.jsonValue({ maxDepth: 3 }), (text, result) => {
        let expression
        try {
          expression = parseCondition(text)
        } catch (error) {
          if (!(error instanceof ConditionSyntaxError)) throw error
          return error.offset >= 0 && error.offset <= text.length
        }
        try {
          evaluate(expression, result as Value)
        } catch (error) {
          if (!(error instanceof ConditionError || error instanceof NoDataError)) throw error
        }
        return true
      }),
      { numRuns: 3_000 },
    )
  })
})

describe('a result', () => {
  const success = readConditions({ successCondition: 'result[0] >= 0.95' })
  const failure = readConditions({ failureCondition: 'result[0] < 0.9' })
  const both = readConditions({
    successCondition: 'result[0] >= 0.95',
    failureCondition: 'result[0] < 0.9',
  })

  test.for([
    ['success', success, [0.95]],
    ['failure', success, [0.94]],
    ['success', failure, [0.94]],
    ['failure', failure, [0.8]],
    ['success', both, [0.96]],
    ['inconclusive', both, [0.92]],
    ['failure', both, [0.5]],
    ['error', success, ['a']],
    ['error', both, { a: 1 }],
    ['noData', success, []],
    ['noData', success, [Number.NaN]],
    ['noData', failure, [Number.NaN]],
    ['noData', both, [Infinity]],
    ['noData', success, null],
    ['noData', success, Number.NaN],
    ['noData', success, {}],
    ['noData', success, [[], { a: [null] }]],
    ['noData', success, [Number.NaN, 1]],
  ] as const)('is %s: %#', ([outcome, conditions, result]) => {
    expect(outcomeOf(conditions, result)).toBe(outcome)
  })

  test('fails where both conditions hold', () => {
    const overlapping = readConditions({
      successCondition: 'result > 1',
      failureCondition: 'result > 2',
    })
    expect(outcomeOf(overlapping, 3)).toBe('failure')
  })

  test('never passes for want of data, even where the condition asks for it', () => {
    const lenient = readConditions({
      successCondition: 'len(result) == 0 || isNaN(result[0]) || result[0] > 1',
    })
    expect(outcomeOf(lenient, [])).toBe('noData')
    expect(outcomeOf(lenient, [Number.NaN])).toBe('noData')
    expect(outcomeOf(lenient, [2])).toBe('success')
  })

  test('is told with its reason', () => {
    expect(judgeResult(both, [0.92]).reason).toBe('[0.92] meets neither condition')
    expect(judgeResult(success, []).reason).toBe('the result is []')
    expect(judgeResult(success, Number.NaN).reason).toBe('the result is NaN')
    expect(judgeResult(success, ['a']).reason).toBe('>= needs a number, but "a" is a text')
  })

  test.for([
    ['[', ']'],
    ['{"a":', '}'],
  ] as const)('may be as deep as an answer can: %s', ([open, close]) => {
    const deep: Value = JSON.parse(`${open.repeat(100_000)}1${close.repeat(100_000)}`)
    const found = judgeResult(readConditions({ successCondition: 'len(result) > 0' }), deep)
    expect(found.outcome).toBe('success')
    expect(found.value).toMatch(/^.{59}…$/)
  })

  test.for([
    [{ a: [1, 'x"y', null, true, Number.NaN], b: {} }, '{"a":[1,"x\\"y",null,true,NaN],"b":{}}'],
    ['x'.repeat(58), `"${'x'.repeat(58)}"`],
    ['x'.repeat(59), `"${'x'.repeat(58)}…`],
    [Array.from({ length: 30 }, () => 0), `[${'0,'.repeat(29)}…`],
    [{ ['k'.repeat(100)]: 1 }, `{"${'k'.repeat(57)}…`],
  ] as const)('is shown in short: %j', ([result, text]) => {
    expect(judgeResult(success, result).value).toBe(text)
  })

  test('needs a condition', () => {
    expect(() => readConditions({})).toThrow(RangeError)
  })
})
