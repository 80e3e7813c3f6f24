/**
 * Prometheus and what speaks like it (Thanos, Mimir, VictoriaMetrics): instant and range queries.
 *
 * Source: the HTTP API as Prometheus documents it, `/api/v1/query` and `/api/v1/query_range`. As Prometheus' own Go
 * client does, a question is posted, and asked again with GET where that is not allowed. As in Argo Rollouts, a
 * vector is a list of numbers, a range the list of all its series' points one after another, a scalar a number.
 */

import type { Value } from '../conditions/expression.ts'
import { ProviderError, quoteTheirs } from './failure.ts'
import type { HttpAnswer, HttpClient } from './http.ts'
import type { MetricSource } from './source.ts'

/** Points of one answer; more are for the query to aggregate. */
export const POINT_LIMIT = 11_000

export interface PrometheusServer {
  /** Base address without a slash at the end, such as `http://prometheus:9090`. */
  readonly address: string
  /** Such as `X-Scope-OrgID` or `Authorization`. */
  readonly headers: Readonly<Record<string, string>>
  readonly timeoutMs: number
}

export interface PrometheusQuery {
  readonly query: string
  /** From so long ago until now, a point each `stepMs`; null: an instant query, at the server's own time. */
  readonly range: { readonly lengthMs: number; readonly stepMs: number } | null
}

export function prometheusSource(
  client: HttpClient,
  server: PrometheusServer,
  query: PrometheusQuery,
): MetricSource {
  return async (nowMs, signal) => {
    const path = query.range === null ? '/api/v1/query' : '/api/v1/query_range'
    const form = formOf(query, server, nowMs)
    const answer = await askEither(client, { server, path, form }, signal)
    return readAnswer(answer)
  }
}

function formOf(
  { query, range }: PrometheusQuery,
  { timeoutMs }: PrometheusServer,
  nowMs: number,
): string {
  const form = new URLSearchParams({ query, timeout: `${timeoutMs}ms` })
  if (range !== null) {
    form.set('start', String((nowMs - range.lengthMs) / 1_000))
    form.set('end', String(nowMs / 1_000))
    form.set('step', String(range.stepMs / 1_000))
  }
  return form.toString()
}

async function askEither(
  client: HttpClient,
  { server, path, form }: { server: PrometheusServer; path: string; form: string },
  signal: AbortSignal,
): Promise<HttpAnswer> {
  const url = `${server.address}${path}`
  const { headers, timeoutMs } = server
  const type = { 'content-type': 'application/x-www-form-urlencoded' }
  const posted = await client.ask(
    { method: 'POST', url, headers: { ...headers, ...type }, body: form, timeoutMs },
    signal,
  )
  if (posted.status !== 405 && posted.status !== 501) return posted
  return client.ask({ method: 'GET', url: `${url}?${form}`, headers, timeoutMs }, signal)
}

/** Returns the value of an answer. Throws a `ProviderError`. */
export function readAnswer({ status, text }: HttpAnswer): Value {
  const body = parse(status, text)
  if (body['status'] !== 'success') {
    const type = typeof body['errorType'] === 'string' ? body['errorType'] : `status ${status}`
    const error = typeof body['error'] === 'string' ? body['error'] : 'no reason given'
    throw new ProviderError(`Prometheus says ${quoteTheirs(type)}: ${quoteTheirs(error)}`, 'query')
  }
  const data = body['data']
  if (!isMap(data)) throw malformed('data')
  return readData(data)
}

function parse(status: number, text: string): Readonly<Record<string, unknown>> {
  let body: unknown
  try {
    body = JSON.parse(text)
  } catch {
    const kind = status >= 400 ? 'status' : 'answer'
    throw new ProviderError(`Prometheus answered ${status} and no JSON: ${quoteTheirs(text)}`, kind)
  }
  if (isMap(body)) return body
  throw malformed('the answer')
}

function readData(data: Readonly<Record<string, unknown>>): Value {
  const { resultType, result } = data
  switch (resultType) {
    case 'scalar':
      return readPoint(result)
    case 'vector':
      return limited(listOf(result).map((series) => readPoint(seriesOf(series)['value'], series)))
    case 'matrix':
      return limited(
        listOf(result).flatMap((series) =>
          listOf(seriesOf(series)['values'] ?? [], series).map((point) => readPoint(point)),
        ),
      )
    default:
      throw new ProviderError(
        `the query gives ${quoteTheirs(String(resultType))}, and a number, a vector or a range is needed`,
        'query',
      )
  }
}

/** A time and a value, of which the value is text: Prometheus has NaN and infinities, JSON has not. */
function readPoint(point: unknown, series?: unknown): number {
  if (isMap(series) && 'histogram' in series) throw nativeHistogram()
  const value = Array.isArray(point) && point.length === 2 ? (point[1] as unknown) : undefined
  if (typeof value !== 'string') throw malformed('a point')
  const number = NUMBERS.get(value) ?? (value.trim() === '' ? undefined : Number(value))
  if (number === undefined || (Number.isNaN(number) && value !== 'NaN')) throw malformed('a value')
  return number
}

const NUMBERS: ReadonlyMap<string, number> = new Map([
  ['NaN', Number.NaN],
  ['Inf', Infinity],
  ['+Inf', Infinity],
  ['-Inf', -Infinity],
])

function limited(points: readonly number[]): readonly number[] {
  if (points.length <= POINT_LIMIT) return points
  throw new ProviderError(
    `the query gives ${points.length} points, at most ${POINT_LIMIT} are read; aggregate them in the query`,
    'query',
  )
}

function listOf(list: unknown, series?: unknown): readonly unknown[] {
  if (isMap(series) && 'histograms' in series) throw nativeHistogram()
  if (Array.isArray(list)) return list
  throw malformed('a list')
}

function seriesOf(series: unknown): Readonly<Record<string, unknown>> {
  if (isMap(series)) return series
  throw malformed('a series')
}

function nativeHistogram(): ProviderError {
  return new ProviderError(
    'the query gives native histograms, which are no numbers; use histogram_quantile or histogram_avg',
    'query',
  )
}

function malformed(what: string): ProviderError {
  return new ProviderError(`Prometheus' answer is not as documented: ${what} has another form`)
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
