/** What several threads report of an endpoint, put together over time. */

import { expect, test } from 'vitest'
import { EndpointReports } from '../../../src/control/upstreams/reports.ts'
import type { EndpointReport } from '../../../src/proxy/upstream/report.ts'

const ID = 'http1://127.0.0.1:9001'

function report(changes: Partial<EndpointReport> = {}): EndpointReport {
  return {
    id: ID,
    outstandingCount: 0,
    connectionCount: 0,
    ejected: null,
    latencyUs: null,
    requestCount: 0,
    failureCount: 0,
    ...changes,
  }
}

function ejected(sinceMs: number, reason = 'silence') {
  return { reason, sinceMs, untilMs: sinceMs + 10_000, count: 1 }
}

test('of what nobody reported there is nothing', () => {
  expect(new EndpointReports().totals(ID, 0)).toMatchObject({
    outstandingCount: 0,
    requestCount: 0,
    latencyUs: null,
    lateRequestCount: 0,
    ejections: [],
  })
})

test('counts of threads are added up; the newest report of each counts', () => {
  const reports = new EndpointReports()
  reports.take(0, [report({ outstandingCount: 9, requestCount: 5 })], 0)
  reports.take(0, [report({ outstandingCount: 1, connectionCount: 2, requestCount: 10 })], 1_000)
  reports.take(
    1,
    [report({ outstandingCount: 3, connectionCount: 4, requestCount: 5, failureCount: 2 })],
    1_000,
  )
  expect(reports.totals(ID, 1_000)).toMatchObject({
    outstandingCount: 4,
    connectionCount: 6,
    requestCount: 15,
    failureCount: 2,
  })
})

test('the mean latency is weighted by requests', () => {
  const reports = new EndpointReports()
  reports.take(0, [report({ latencyUs: 1_000, requestCount: 30 })], 0)
  reports.take(1, [report({ latencyUs: 5_000, requestCount: 10 })], 0)
  reports.take(2, [report({ latencyUs: null, requestCount: 1_000 })], 0)
  expect(reports.totals(ID, 0).latencyUs).toBe(2_000)
})

test('a thread that is replaced has nothing under way, and what it counted stays', () => {
  const reports = new EndpointReports()
  reports.take(0, [report({ outstandingCount: 7, requestCount: 100, ejected: ejected(1) })], 0)
  reports.gone(0)
  expect(reports.totals(ID, 0)).toMatchObject({
    outstandingCount: 0,
    requestCount: 100,
    ejections: [],
  })
  reports.take(0, [report({ requestCount: 3 })], 1_000)
  expect(reports.totals(ID, 1_000).requestCount).toBe(103)
})

test('requests of late are those of the last ten seconds', () => {
  const reports = new EndpointReports()
  for (let second = 0; second <= 30; second++) {
    reports.take(0, [report({ requestCount: second * 10 })], second * 1_000)
  }
  expect(reports.totals(ID, 30_000).lateRequestCount).toBe(100)
  expect(reports.totals(ID, 35_000).lateRequestCount).toBe(50)
  expect(reports.totals(ID, 60_000).lateRequestCount).toBe(0)
})

test('an ejection is counted once, whatever is reported of it, in each thread for itself', () => {
  const reports = new EndpointReports()
  const out = report({ ejected: ejected(500) })
  reports.take(0, [out], 1_000)
  reports.take(0, [out], 2_000)
  reports.take(1, [report({ ejected: ejected(700, 'latency') })], 2_000)
  expect(reports.totals(ID, 2_000).ejections.map(({ reason }) => reason)).toEqual([
    'silence',
    'latency',
  ])
  reports.take(0, [report()], 11_000)
  reports.take(0, [report({ ejected: ejected(12_000) })], 12_000)
  expect([...reports.totals(ID, 12_000).ejectionCounts]).toEqual([
    ['silence', 2],
    ['latency', 1],
  ])
})

test('what is nowhere any more is forgotten when nothing is under way to it', () => {
  const reports = new EndpointReports()
  reports.take(0, [report({ outstandingCount: 1 })], 0)
  reports.retain(new Set())
  expect(reports.ids).toEqual([ID])
  reports.take(0, [report()], 1_000)
  reports.retain(new Set([ID]))
  expect(reports.ids).toEqual([ID])
  reports.retain(new Set())
  expect(reports.ids).toEqual([])
})
