import { describe, expect, test } from 'vitest'
import { type Ending, flagsOf, isFault, type Reasons } from '../../../src/proxy/access/flags.ts'
import { UPSTREAM_FAILURE_NAMES, type UpstreamFailure } from '../../../src/proxy/failure.ts'
import { REQUEST_FAULT_NAMES } from '../../../src/proxy/refusals.ts'

const NONE: Reasons = { failure: null, fault: null, ending: null }

test('an answer in full has no flag, even after a retry', () => {
  expect(flagsOf(NONE, 0)).toBe('-')
  expect(flagsOf(NONE, 1)).toBe('-')
  expect(isFault(NONE)).toBe(false)
})

describe('a failure of the upstream', () => {
  const expected: readonly (readonly [UpstreamFailure, string])[] = [
    ['unavailable', 'UH'],
    ['connectionLimit', 'UO'],
    ['dns', 'DF'],
    ['refused', 'UF'],
    ['connectTimeout', 'UF'],
    ['certificate', 'UF'],
    ['reset', 'UC'],
    ['incomplete', 'UC'],
    ['responseTimeout', 'UT'],
    ['deadline', 'UT'],
    ['stalled', 'SI'],
    ['protocol', 'UPE'],
    ['headTooLarge', 'UPE'],
    ['internal', 'BUG'],
  ]
  test.for(expected)('%s is %s', ([failure, flag]) => {
    expect(flagsOf({ ...NONE, failure }, 0)).toBe(flag)
    expect(flagsOf({ ...NONE, failure }, 1)).toBe(`${flag},URX`)
  })

  test.for(UPSTREAM_FAILURE_NAMES)('%s is written where only errors are', (failure) => {
    expect(isFault({ ...NONE, failure })).toBe(true)
    expect(flagsOf({ ...NONE, failure }, 0)).toMatch(/^[A-Z]{2,3}$/)
  })
})

describe('a fault of the request', () => {
  test.for([
    ['malformed', 'DPE'],
    ['badChunk', 'DPE'],
    ['badLength', 'DPE'],
    ['timeout', 'SI'],
    ['bodyTooLarge', 'RR'],
    ['headTooLarge', 'RR'],
    ['methodRefused', 'RR'],
    ['version', 'RR'],
  ] as const)('%s is %s', ([fault, flag]) => {
    expect(flagsOf({ ...NONE, fault }, 0)).toBe(flag)
  })

  test.for(REQUEST_FAULT_NAMES)('%s is written where only errors are', (fault) => {
    expect(isFault({ ...NONE, fault })).toBe(true)
    expect(flagsOf({ ...NONE, fault }, 0)).toMatch(/^[A-Z]{2,3}$/)
  })
})

describe('another ending', () => {
  const expected: readonly (readonly [Ending, string, boolean])[] = [
    ['noRoute', 'NR', true],
    ['clientStalled', 'SI', true],
    ['clientGone', 'DC', false],
    ['tunnelIdle', 'SI', false],
    ['drained', 'LR', false],
  ]
  test.for(expected)('%s is %s; written where only errors are: %s', ([ending, flag, isWritten]) => {
    expect(flagsOf({ ...NONE, ending }, 0)).toBe(flag)
    expect(isFault({ ...NONE, ending })).toBe(isWritten)
  })
})

test('several reasons stand side by side, that of the upstream first', () => {
  expect(flagsOf({ failure: 'reset', fault: 'badChunk', ending: 'clientGone' }, 1)).toBe(
    'UC,URX,DPE,DC',
  )
})
