import * as fc from 'fast-check'
import { RE2JS } from 're2js'
import { describe, expect, test } from 'vitest'
import { simplePattern } from '../../../src/proxy/cohort/simple-pattern.ts'

const SEED = 20_261_121

describe('simple is', () => {
  test.for([
    '^v[0-9]+[.][0-9]+$',
    String.raw`Chrome/14[0-9]\.`,
    String.raw`@example\.com$`,
    '^/api/v[12]/',
    'abc',
    '',
    '^$',
    String.raw`^\d{4}-\d\d-\d{2}$`,
    '^[^@]+@[a-z]+$',
    '^a*b*c*$',
    'ab*c',
    '[^@]+@corp',
  ])('%s', (source) => {
    expect(simplePattern(source)).not.toBe(null)
  })
})

describe('left to RE2 is', () => {
  test.for([
    ['a group', '(a)'],
    ['an alternative', 'a|b'],
    ['what can be read in two ways', 'a*a'],
    ['what can be read in two ways further on', 'a*b*a'],
    ['what can be read in two ways by others', '.*x.*y'],
    ['two classes that have something in common', '[a-c]+[c-e]'],
    ['two classes of all but something', '[^a]+[^b]'],
    ['what is read again from each place of a repetition', 'a.*$'],
    ['what is read again from each place, a class', '[ab]b*c'],
    ['what is read again behind two repetitions', 'ba*b*c'],
    ['what is lazy', 'a+?b'],
    ['an anchor within', 'a^b'],
    ['another anchor within', 'a$b'],
    ['a boundary', String.raw`\ba`],
    ['a class of POSIX', '[[:alpha:]]'],
    ['a class of Unicode', String.raw`\pL`],
    ['what is not ASCII', 'é'],
    ['a flag', '(?i)a'],
    ['an escape of a letter', String.raw`\x41`],
    ['quoted text', String.raw`\Qa\E`],
    ['a dash at the end of a class', '[a-]'],
    ['a brace that is none', 'a{'],
  ] satisfies [string, string][])('%s', ([, source]) => {
    expect(simplePattern(source)).toBe(null)
  })
})

const ATOMS =
  String.raw`a b 0 _ - / @ . [ab] [^a] [0-9] [a-z_] [^0-9a] [.$(] [\d.] [\w] [^\s] \d \D \w \W \s \S \. \$ \^ \[ \- \\`.split(
    ' ',
  )
const LETTERS = Array.from('abzA09_-/@ .$^[(\\\n\r\v\u2028é🦎\ufffd')

test('what is simple says what RE2 says', () => {
  const atom = fc.constantFrom(...ATOMS)
  const count = fc.constantFrom('', '', '', '+', '*', '?', '{2}', '{1,}', '{0,2}', '{0}')
  const source = fc
    .tuple(
      fc.constantFrom('', '^'),
      fc.array(fc.tuple(atom, count), { maxLength: 4 }),
      fc.constantFrom('', '$'),
    )
    .map(([start, items, end]) => start + items.flat().join('') + end)
  const text = fc.string({ unit: fc.constantFrom(...LETTERS), maxLength: 8 })
  const texts = fc.array(text, { minLength: 4, maxLength: 4 })
  let simpleCount = 0
  let foundCount = 0
  fc.assert(
    fc.property(source, texts, (expression, values) => {
      const simple = simplePattern(expression)
      if (simple === null) return
      simpleCount++
      const reference = RE2JS.compile(expression)
      for (const value of values) {
        const isFound = reference.test(value)
        if (isFound) foundCount++
        expect({ expression, value, isFound: simple.test(value) }).toEqual({
          expression,
          value,
          isFound,
        })
      }
    }),
    { numRuns: 10_000, seed: SEED },
  )
  expect(simpleCount, `seed ${SEED}`).toBeGreaterThan(4_000)
  expect(foundCount, `seed ${SEED}`).toBeGreaterThan(4_000)
})

test.for(['[^x]*x', String.raw`\d+x`, 'a*b*c*d$', '[a-c]{2,}d'])(
  'what is looked for anywhere is not read again from each place: %s',
  (source) => {
    expect(simplePattern(source)!.source).not.toMatch(/\{\d+,\}/)
  },
)

test('what is simple takes no long time, for whatever value', () => {
  const sources = [
    '^[^@]+@[a-z]+$',
    'a*b*c*d$',
    '[0-9]+x',
    '[ab]{0,60}[cd]{0,60}e',
    String.raw`\w+$`,
  ]
  for (const source of sources) {
    const simple = simplePattern(source)!
    const startMs = performance.now()
    for (const part of ['a', 'ab', '0', '@', 'abcd']) simple.test(part.repeat(1024 / part.length))
    expect(performance.now() - startMs).toBeLessThan(250)
  }
})
