/**
 * What the threads report of endpoints, put together: each thread sees its own requests and ejects for itself.
 *
 * Totals only grow, also when a thread is replaced and counts from zero again.
 */

import type { EndpointEjection, EndpointReport } from '../../proxy/upstream/report.ts'

/** How far back the observed share of traffic looks. */
const SHARE_MS = 10_000

/** An endpoint over all threads. */
export interface EndpointTotals {
  readonly outstandingCount: number
  readonly connectionCount: number
  /** By requests of all time, which differ little between threads; null: there were no answers of late. */
  readonly latencyUs: number | null
  readonly requestCount: number
  readonly failureCount: number
  /** Of the last 10 seconds. */
  readonly lateRequestCount: number
  /** Of the threads that have it out now, each its own. */
  readonly ejections: readonly EndpointEjection[]
  /** Since the process started, by reason. */
  readonly ejectionCounts: ReadonlyMap<string, number>
}

interface Known {
  /** The newest of each thread. */
  readonly reports: Map<number, EndpointReport>
  requestCount: number
  failureCount: number
  readonly ejectionCounts: Map<string, number>
  /** Oldest first: the count of requests at a moment. */
  samples: { readonly atMs: number; readonly requestCount: number }[]
}

export class EndpointReports {
  readonly #known = new Map<string, Known>()

  take(thread: number, reports: readonly EndpointReport[], nowMs: number): void {
    for (const report of reports) this.#takeOne(thread, report, nowMs)
  }

  /** The thread has ended, and what it had under way with it. */
  gone(thread: number): void {
    for (const { reports } of this.#known.values()) reports.delete(thread)
  }

  /** Forgets endpoints that neither stand in there nor have anything under way. */
  retain(ids: ReadonlySet<string>): void {
    for (const [id, { reports }] of this.#known) {
      const isBusy = [...reports.values()].some(({ outstandingCount }) => outstandingCount > 0)
      if (!isBusy && !ids.has(id)) this.#known.delete(id)
    }
  }

  get ids(): readonly string[] {
    return [...this.#known.keys()]
  }

  totals(id: string, nowMs: number): EndpointTotals {
    const known = this.#known.get(id) ?? unknownEndpoint()
    const reports = [...known.reports.values()]
    return {
      outstandingCount: sum(reports, ({ outstandingCount }) => outstandingCount),
      connectionCount: sum(reports, ({ connectionCount }) => connectionCount),
      latencyUs: meanLatencyUs(reports),
      requestCount: known.requestCount,
      failureCount: known.failureCount,
      lateRequestCount: lateRequests(known, nowMs),
      ejections: reports.flatMap(({ ejected }) => ejected ?? []),
      ejectionCounts: known.ejectionCounts,
    }
  }

  #takeOne(thread: number, report: EndpointReport, nowMs: number): void {
    const known = this.#known.get(report.id) ?? unknownEndpoint()
    this.#known.set(report.id, known)
    const before = known.reports.get(thread)
    known.reports.set(thread, report)
    known.requestCount += grown(before?.requestCount, report.requestCount)
    known.failureCount += grown(before?.failureCount, report.failureCount)
    const { ejected } = report
    if (ejected !== null && ejected.sinceMs !== before?.ejected?.sinceMs) {
      const { reason } = ejected
      known.ejectionCounts.set(reason, (known.ejectionCounts.get(reason) ?? 0) + 1)
    }
    known.samples = known.samples.filter(
      ({ atMs }, i, all) =>
        atMs > nowMs - SHARE_MS || (all[i + 1]?.atMs ?? Infinity) > nowMs - SHARE_MS,
    )
    known.samples.push({ atMs: nowMs, requestCount: known.requestCount })
  }
}

function unknownEndpoint(): Known {
  return {
    reports: new Map(),
    requestCount: 0,
    failureCount: 0,
    ejectionCounts: new Map(),
    samples: [],
  }
}

/** A counter that has gone down began anew. */
function grown(before: number | undefined, now: number): number {
  return before === undefined || now < before ? now : now - before
}

function lateRequests({ samples, requestCount }: Known, nowMs: number): number {
  // What was counted when the window began: the newest sample before it.
  const start = samples.findLast(({ atMs }) => atMs <= nowMs - SHARE_MS)
  return requestCount - (start?.requestCount ?? 0)
}

function meanLatencyUs(reports: readonly EndpointReport[]): number | null {
  const heard = reports.filter(
    ({ latencyUs, requestCount }) => latencyUs !== null && requestCount > 0,
  )
  const requestCount = sum(heard, (each) => each.requestCount)
  if (requestCount === 0) return null
  return sum(heard, (each) => each.latencyUs! * each.requestCount) / requestCount
}

function sum(reports: readonly EndpointReport[], read: (report: EndpointReport) => number): number {
  return reports.reduce((total, report) => total + read(report), 0)
}
