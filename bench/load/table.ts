/** The table for people: one block a scenario, then the ratios. Pure. */

import type { Ratio, Result, Skipped, Spread } from './report.ts'
import { SCENARIOS, type Scenario, unitOf } from './scenario.ts'

/** What the table says of a proxy beside its figures. */
interface Known {
  readonly version: string | null
  readonly work: string
}

interface Tabled {
  readonly results: readonly Result[]
  readonly ratios: readonly Ratio[]
  readonly proxies: readonly (Known & { readonly name: string })[]
  readonly skipped: readonly Skipped[]
}

type Figures = NonNullable<Result['figures']>

/** Bodies up to this size are measured by request alone. */
const SMALL_BYTES = 2_000

const COLUMNS: readonly {
  readonly head: string
  readonly isOfBytes: boolean
  readonly cell: (figures: Figures) => string
}[] = [
  {
    head: 'CPU µs/request',
    isOfBytes: false,
    cell: ({ cpuUsPerRequest }) => number(cpuUsPerRequest.median, 1),
  },
  { head: 'low-high', isOfBytes: false, cell: ({ cpuUsPerRequest }) => range(cpuUsPerRequest, 1) },
  {
    head: 'GB/CPU s',
    isOfBytes: true,
    cell: ({ bytesPerCpuSecond }) => number(bytesPerCpuSecond.median / 1e9, 2),
  },
  {
    head: 'low-high',
    isOfBytes: true,
    cell: ({ bytesPerCpuSecond: { median, low, high } }) =>
      range({ median: median / 1e9, low: low / 1e9, high: high / 1e9 }, 2),
  },
  {
    head: 'requests/s',
    isOfBytes: false,
    cell: ({ requestsPerSecond }) => number(requestsPerSecond.median, 0),
  },
  { head: 'p99 ms', isOfBytes: false, cell: ({ p99Ms }) => number(p99Ms.median, 2) },
  {
    head: 'of a core',
    isOfBytes: false,
    cell: ({ coreUse }) => `${number(coreUse.median * 100, 0)} %`,
  },
]

/** The table for stdout, the cheapest proxy of a scenario first. */
export function toTable({ results, ratios, proxies, skipped }: Tabled): string {
  const known = new Map(proxies.map((proxy) => [proxy.name, proxy]))
  const blocks = SCENARIOS.flatMap((scenario) => {
    const own = results.filter((result) => result.scenario === scenario.name)
    return own.length === 0 ? [] : [scenarioTable(scenario, own, known)]
  })
  const lines = ratios.map(({ name, quotient, bar }) => {
    const judged = bar === null ? ['', ''] : [`at most ${bar.atMost}`, bar.isMet ? 'yes' : 'no']
    return [name, number(quotient.median, 3), range(quotient, 3), ...judged]
  })
  if (lines.length > 0)
    blocks.push(align([['ratio', 'median', 'low-high', 'bar', 'met'], ...lines]))
  blocks.push(...skipped.map(({ scenario, reason }) => `${scenario}: SKIPPED, ${reason}`))
  return blocks.join('\n\n')
}

function scenarioTable(
  scenario: Scenario,
  results: readonly Result[],
  known: ReadonlyMap<string, Known>,
): string {
  // Of small bodies the bytes say nothing.
  const columns = COLUMNS.filter((column) => !column.isOfBytes || scenario.bodyBytes > SMALL_BYTES)
  const lines = results
    .toSorted((a, b) => cost(a) - cost(b))
    .map(({ proxy, figures, fault }) => {
      const names = [proxy, known.get(proxy)?.version ?? '', known.get(proxy)?.work ?? '']
      const cells =
        figures === null
          ? [`no figure: ${fault ?? 'no rounds'}`]
          : columns.map((column) => column.cell(figures))
      return names.concat(cells)
    })
  const unit = unitOf(scenario)
  const heads = columns.map(({ head }) => head.replace('request', unit))
  return `${titleOf(scenario)}\n${align([['proxy', 'version', 'work', ...heads], ...lines])}`
}

function titleOf({ name, protocol, bodyBytes, connections, streams }: Scenario): string {
  switch (protocol) {
    case 'http1':
      return `${name}: bodies of ${bodyBytes} bytes, ${connections} keep-alive connections`
    case 'tls':
      return `${name}: bodies of ${bodyBytes} bytes, ${connections} keep-alive connections, TLS 1.3`
    case 'http2':
      return `${name}: bodies of ${bodyBytes} bytes, ${connections} connections of ${streams} streams, TLS 1.3`
    case 'grpc':
      return `${name}: unary calls of ${bodyBytes} bytes, ${connections} connections of ${streams} streams, TLS 1.3`
    case 'websocket':
      return `${name}: messages of ${bodyBytes} bytes, ${connections} tunnels with one in flight`
  }
}

function cost({ figures }: Result): number {
  return figures?.cpuUsPerRequest.median ?? Infinity
}

function number(value: number, digits: number): string {
  return value.toFixed(digits)
}

function range({ low, high }: Spread, digits: number): string {
  return `${number(low, digits)}-${number(high, digits)}`
}

/** Columns as wide as their widest cell; the last cell of a short row is a sentence and widens nothing. */
function align(lines: readonly (readonly string[])[]): string {
  const columnCount = lines[0]?.length ?? 0
  const widths = Array.from({ length: columnCount }, (_, column) => {
    const cells = lines.map((line) =>
      line.length === columnCount || column < line.length - 1 ? (line[column] ?? '') : '',
    )
    return Math.max(...cells.map((cell) => cell.length))
  })
  const pad = (cell: string, column: number): string => cell.padEnd(widths[column] ?? 0)
  return lines.map((line) => line.map(pad).join('  ').trimEnd()).join('\n')
}
