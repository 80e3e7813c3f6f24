import { describe, expect, test } from 'vitest'
import { NO_ROUTE, REQUEST_FAULTS, UPSTREAM_FAILURES } from '../../../src/proxy/failure.ts'
import { localAnswer } from '../../../src/proxy/http1/local-answer.ts'
import { head, latin1, parseResponse, responseMeaning } from './heads.ts'

const DATE = 'date: Sat, 21 Nov 2026 09:00:00 GMT\r\n'
const OPTIONS = { dateLine: DATE, extraLines: '', isPersistent: true } as const

const ALL = [...Object.values(REQUEST_FAULTS), ...Object.values(UPSTREAM_FAILURES), NO_ROUTE]

describe('every answer of our own', () => {
  test.for(ALL)('$status: $detail', (failure) => {
    const answer = localAnswer(failure, OPTIONS)
    const [section = '', body = ''] = answer.split('\r\n\r\n')
    const meaning = responseMeaning(parseResponse(head(section)))
    expect(meaning).toMatchObject({
      status: failure.status,
      contentLength: latin1(body).length,
      isPersistent: true,
      hasDate: true,
    })
    expect(meaning.statusText).toMatch(/^\d{3} [A-Z][A-Za-z -]+$/)
    expect(meaning.lines).toContain(
      `proxy-status: sluice; error=${failure.error}; details="${failure.detail}"`,
    )
    expect(body).toBe(`${failure.status} ${failure.detail}\n`)
  })
})

test('an answer to HEAD tells the length of a body that it does not have', () => {
  const whole = localAnswer(NO_ROUTE, OPTIONS)
  const headOnly = localAnswer(NO_ROUTE, { ...OPTIONS, isHead: true })
  expect(headOnly).toBe(whole.slice(0, whole.indexOf('\r\n\r\n') + 4))
})

test('an answer that closes says so', () => {
  const answer = localAnswer(NO_ROUTE, { ...OPTIONS, isPersistent: false, isHead: true })
  expect(parseResponse(answer).isPersistent).toBe(false)
})

test('a 405 names the methods that are served', () => {
  const answer = localAnswer(REQUEST_FAULTS.methodRefused, OPTIONS)
  expect(answer).toContain('\r\nallow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n')
  expect(localAnswer(NO_ROUTE, OPTIONS)).not.toContain('allow:')
})

test('further lines are in the head', () => {
  const answer = localAnswer(NO_ROUTE, {
    ...OPTIONS,
    extraLines: 'set-cookie: a=1\r\n',
    isHead: true,
  })
  expect(parseResponse(answer).lines).toContain('set-cookie: a=1\r\n')
})
