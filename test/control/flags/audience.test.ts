import { expect, test } from 'vitest'
import {
  AUDIENCE_CHARS,
  AUDIENCE_DEPTH,
  audienceFaults,
} from '../../../src/control/flags/audience.ts'

function nested(depth: number): unknown {
  let logic: unknown = true
  for (let i = 0; i < depth; i++) logic = { '!': logic }
  return logic
}

test.for<[string, unknown]>([
  ['everybody', null],
  ['a country', { in: [{ var: 'header.x-country' }, ['at', 'de']] }],
  ['a version', { sem_ver: [{ var: 'header.x-version' }, '>=', '2.1.0'] }],
  [
    'a share of a share',
    {
      fractional: [
        [true, 10],
        [false, 90],
      ],
    },
  ],
  ['as deep as may be', nested(AUDIENCE_DEPTH)],
])('%s is an audience', ([, audience]) => {
  expect(audienceFaults(audience, '/audience')).toEqual([])
})

test.for<[string, unknown, string, RegExp]>([
  ['a text', 'everybody', '/audience', /condition in JSON logic/],
  ['a list', [], '/audience', /condition in JSON logic/],
  ['two operators', { and: [], or: [] }, '/audience', /one operator, this one has 2/],
  ['no operator', { and: [{}] }, '/audience/and/0', /one operator, this one has 0/],
  ['a loop', { or: [{ some: [[], true] }] }, '/audience/or/0', /no operator "some"/],
  ['a misspelt operator', { start_with: [] }, '/audience', /did you mean "starts_with"/],
  [
    'what is nested too deep',
    nested(200_000),
    `/audience${'/!'.repeat(AUDIENCE_DEPTH)}`,
    /more than 32/,
  ],
  ['what is too long', { '==': ['x'.repeat(AUDIENCE_CHARS), ''] }, '/audience', /at most 16384/],
])('%s is none', ([, audience, pointer, why]) => {
  const [fault, ...others] = audienceFaults(audience, '/audience')
  expect(others).toEqual([])
  expect(fault).toEqual({ pointer, detail: expect.stringMatching(why) })
})
