import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { checkConfig, sourceOf } from '../../../src/control/config/load.ts'
import { formatFault } from '../../../src/control/config/fault.ts'
import { sample } from './sample.ts'

const WORDS = [
  'version: 1',
  'proxy:',
  'listeners:',
  'upstreams:',
  'routes:',
  'endpoints:',
  'name: shop',
  'stable: a',
  'control:',
  'match:',
  'path:',
  'sticky:',
  'tokens:',
  'host: 0.0.0.0',
  'port: 8080',
  '__proto__:',
  'constructor:',
  'toString: 1',
  '- ',
  '  ',
  '\n',
  '\n  ',
  '\n    ',
  '{',
  '}',
  '[',
  ']',
  ', ',
  ': ',
  '&a ',
  '*a',
  '!!str ',
  '!!binary ',
  '!x ',
  '|',
  '>',
  '"',
  "'",
  '# ',
  '? ',
  '---',
  '...',
  '%YAML 1.1',
  '<<: *a',
  '${X}',
  '${',
  '$${',
  '\t',
  '\0',
  '\u2028',
  '~',
  '1e999',
  '.nan',
  '0x1F',
  '\r',
]

/** Text that is nearly a configuration, or nearly YAML. */
const garbage = fc.oneof(
  fc.array(fc.constantFrom(...WORDS), { maxLength: 40 }).map((words) => words.join('')),
  fc.string({ unit: 'binary', maxLength: 60 }),
  fc.tuple(fc.nat(), fc.nat(30), fc.constantFrom(...WORDS)).map(([at, cut, word]) => {
    const text = sample({ rest: 'control: { host: 127.0.0.1 }' })
    const start = at % text.length
    return text.slice(0, start) + word + text.slice(start + cut)
  }),
)

test('any text is a configuration or has faults with places in it', () => {
  fc.assert(
    fc.property(garbage, (text) => {
      const { config, faults } = checkConfig(text, sourceOf('f', { X: 'x' }))
      if (config !== undefined) return
      const lineCount = text.split('\n').length
      expect(faults.length).toBeGreaterThan(0)
      for (const fault of faults) {
        expect(fault.line).toBeLessThanOrEqual(lineCount)
        expect(formatFault(fault)).toMatch(/^f:[1-9]\d*:[1-9]\d* \P{Cc}+$/u)
      }
    }),
    { numRuns: 1_000 },
  )
})

test('any value in any place is taken or refused with a fault', () => {
  const value = fc.jsonValue({ maxDepth: 3 })
  const keys = ['version', 'proxy', 'upstreams', 'routes', 'control', 'store']
  const file = fc.dictionary(fc.constantFrom(...keys), value)
  fc.assert(
    fc.property(file, (content) => {
      const { faults } = checkConfig(JSON.stringify(content), sourceOf('f', {}))
      expect(faults?.length).toBeGreaterThan(0)
    }),
    { numRuns: 300 },
  )
})
