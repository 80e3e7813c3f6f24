import { describe, expect, test } from 'vitest'
import { type Ending, flagsOf, isFault, type Reasons } from '../../../src/proxy/access/flags.ts'
import { UPSTREAM_FAILURE_NAMES, type UpstreamFailure } from '../../../src/proxy/failure.ts'
import { REQUEST_FAULT_NAMES } from '../../../src/proxy/refusals.ts'

const NONE: Reasons = { failure: null, fault: null, ending: null }

function flags(reasons: Reasons, retryCount: number, isRescue = false): string {
  return flagsOf({ ...reasons, retryCount, isRescue })
}

test('an answer in full has no flag, even after a retry', () => {
  expect(flags(NONE, 0)).toBe('-')
  expect(flags(NONE, 1)).toBe('-')
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
    expect(flags({ ...NONE, failure }, 0)).toBe(flag)
    expect(flags({ ...NONE, failure }, 1)).toBe(`${flag},URX`)
  })

  test.for(UPSTREAM_FAILURE_NAMES)('%s is written where only errors are', (failure) => {
    expect(isFault({ ...NONE, failure })).toBe(true)
    expect(flags({ ...NONE, failure }, 0)).toMatch(/^[A-Z]{2,3}$/)
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
    expect(flags({ ...NONE, fault }, 0)).toBe(flag)
  })

  test.for(REQUEST_FAULT_NAMES)('%s is written where only errors are', (fault) => {
    expect(isFault({ ...NONE, fault })).toBe(true)
    expect(flags({ ...NONE, fault }, 0)).toMatch(/^[A-Z]{2,3}$/)
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
    expect(flags({ ...NONE, ending }, 0)).toBe(flag)
    expect(isFault({ ...NONE, ending })).toBe(isWritten)
  })
})

test('several reasons stand side by side, that of the upstream first', () => {
  expect(flags({ failure: 'reset', fault: 'badChunk', ending: 'clientGone' }, 1)).toBe(
    'UC,URX,DPE,DC',
  )
})

test('what was tried on stable says so, beside why it failed there too', () => {
  expect(flags(NONE, 0, true)).toBe('FS')
  expect(flags({ ...NONE, failure: 'refused' }, 1, true)).toBe('UF,URX,FS')
})
