/** The report for people: one table a part. Pure. */

import type { ComparisonCell } from './comparison.ts'
import type { DetectionCell, Detection } from './detection.ts'
import type { ShapeResult } from './false-aborts.ts'
import type { ModeResult } from './modes/mode.ts'
import type { PlugInCell } from './plug-in.ts'
import type { PromotionResult } from './promotion.ts'
import type { Report } from './run.ts'
import type { SelfCheckResult } from './self-check.ts'
import { ALPHAS, type Share } from './share.ts'
import type { SlownessCell } from './slowness.ts'

export function toTable(report: Report): string {
  const { falseAborts, modes, detection, slowness, comparison, plugIn, promotion, selfCheck } =
    report
  const blocks = [
    `seed ${report.seed}, ${report.runCount} runs a shape, horizon ${report.horizonS / 3_600} h`,
    falseAborts && falseAbortTables(falseAborts),
    modes && modeTable(modes),
    detection && detectionTable(detection),
    slowness && slownessTable(slowness),
    comparison && comparisonTables(comparison),
    plugIn && plugInTable(plugIn),
    promotion && promotionTable(promotion),
    selfCheck && selfCheckTable(selfCheck),
    barLines(report),
  ]
  return blocks.filter((block) => block !== null && block !== '').join('\n\n')
}

function falseAbortTables(results: readonly ShapeResult[]): string {
  const coins = results.flatMap(({ shape, coins: rows }) =>
    rows.map(({ name, shares }) => [shape, name, ...shares.map(withInterval)]),
  )
  const others = results[0]!.others.map(({ name, isModel }, i) =>
    [named(name, isModel)].concat(results.map((result) => percent(result.others[i]!.share.ratio))),
  )
  return [
    'Healthy rollouts taken back, % [95 % interval]',
    ...results.map(({ shape, words }) => `  ${shape}  ${words}`),
    align([['shape', 'judge', ...ALPHAS.map((alpha) => `alpha ${alpha}`)], ...coins]),
    '',
    'The same traces, others, %',
    align([['judge', ...results.map(({ shape }) => shape)], ...others]),
    '',
    'Paused for the splitter at 0.0001, and shown to be good within the hour, %',
    align([
      ['', ...results.map(({ shape }) => shape)],
      ['paused', ...results.map(({ paused }) => percent(paused.ratio))],
      ['shown to be good', ...results.map(({ passed }) => percent(passed.ratio))],
    ]),
  ].join('\n')
}

function modeTable(modes: readonly ModeResult[]): string {
  const rows = modes.flatMap(({ mode, variants }) =>
    variants.map(({ name, isMitigated, shares }) => [
      mode,
      isMitigated ? 'on' : 'off',
      name,
      ...shares.map(withInterval),
    ]),
  )
  return [
    'Where assumptions break: healthy rollouts taken back by the strict coin, % [95 % interval]',
    ...modes.map(({ mode, words }) => `  ${mode}  ${words}`),
    align([['mode', 'cure', 'what is done', ...ALPHAS.map((alpha) => `alpha ${alpha}`)], ...rows]),
  ].join('\n')
}

function detectionTable(cells: readonly DetectionCell[]): string {
  const rows = cells.map(({ fault, weight, requestsPerSecond, boundRequests, start, late }) => [
    fault,
    `${weight * 100} %`,
    `${requestsPerSecond}`,
    boundRequests.toFixed(0),
    ...detected(start),
    ...detected(late),
  ])
  const heads = ['ratio', 'median s', 'p90 s']
  return [
    'The strict coin at alpha 0.001 by the information bound: from the start, and after a healthy half hour',
    align([
      ['fault', 'weight', 'req/s', 'bound', ...heads, ...heads.map((head) => `late ${head}`)],
      ...rows,
    ]),
  ].join('\n')
}

function detected({ ratio, medianS, p90S, power, earlyCount }: Detection): string[] {
  const remark =
    (power < 1 ? ` (${percent(power)} % found)` : '') +
    (earlyCount > 0 ? ` (${earlyCount} early)` : '')
  return [`${ratio?.toFixed(2) ?? 'never'}${remark}`, seconds(medianS), seconds(p90S)]
}

function slownessTable(cells: readonly SlownessCell[]): string {
  const rows = cells.map(({ factor, weight, requestsPerSecond, power, medianS, p90S }) => [
    `x ${factor}`,
    `${weight * 100} %`,
    `${requestsPerSecond}`,
    seconds(medianS),
    seconds(p90S),
    percent(power),
  ])
  return [
    'A slower canary, found by the guard as it stands; a second of settling included',
    align([['latency', 'weight', 'req/s', 'median s', 'p90 s', 'found %'], ...rows]),
  ].join('\n')
}

function comparisonTables(cells: readonly ComparisonCell[]): string {
  const heads = cells.map(
    ({ fault, weight, requestsPerSecond }) => `${fault}, ${weight * 100} % of ${requestsPerSecond}`,
  )
  const judges = cells[0]!.judges.map(({ name, isModel }) => named(name, isModel))
  const table = (cell: (result: ComparisonCell['judges'][number]) => string) =>
    align([
      ['', ...judges.map((_, i) => `(${i + 1})`)],
      ...cells.map(({ judges: results }, row) => [heads[row]!, ...results.map(cell)]),
    ])
  return [
    'Against others on the same traces; >1 h where not found, (power) where found in some runs only',
    ...judges.map((name, i) => `  (${i + 1}) ${name}`),
    '',
    'Seconds until the canary is taken back, median/p90',
    table(({ medianS, p90S, power }) => {
      const both = `${seconds(medianS)}/${seconds(p90S)}`
      return power === 1 || power === 0 ? both : `${both} (${power.toFixed(2)})`
    }),
    '',
    'Bad requests served until then, mean',
    table(({ meanBadCount }) => count(meanBadCount)),
  ].join('\n')
}

function plugInTable(cells: readonly PlugInCell[]): string {
  const rows = cells.map(({ stableRatio, canaryRatio, coinRequests, plugInRequests }) => [
    `${percent(stableRatio)} -> ${percent(canaryRatio)} %`,
    coinRequests.toFixed(0),
    plugInRequests.toFixed(0),
  ])
  return [
    'Fixed bets against bets that learn (the default of safestats), mean requests in blocks of 19 to 1',
    align([['errors', 'coin, no restarts', 'learning'], ...rows]),
  ].join('\n')
}

function promotionTable(results: readonly PromotionResult[]): string {
  const rows = results.map(({ weight, healthy, falsePasses }) => [
    `${weight * 100} %`,
    seconds(healthy.medianS),
    seconds(healthy.p90S),
    withInterval(falsePasses),
  ])
  return [
    `Evidence that a canary is good, 100 requests/s, margin 1.5 times stable + 0.5 points, beta ${results[0]!.beta}`,
    align([['weight', 'median s', 'p90 s', 'passes at the margin, %'], ...rows]),
  ].join('\n')
}

function selfCheckTable({ falseAlarms, found }: SelfCheckResult): string {
  return [
    'The splitter checks itself: false alarms in an hour, % [95 % interval]',
    align([ALPHAS.map((alpha) => `alpha ${alpha}`), falseAlarms.map(withInterval)]),
    ...found.map(({ trueWeight, medianRequests }) => {
      const after = medianRequests === null ? 'more than 1000000' : medianRequests.toFixed(0)
      return `  ${trueWeight * 100} % in place of 5 %: found after ${after} requests (median)`
    }),
  ].join('\n')
}

function barLines({ bars }: Report): string {
  return bars
    .flatMap(({ name, isMet, missed }) => [
      `${isMet ? 'met' : 'MISSED'}: ${name}`,
      ...missed.map((words) => `  ${words}`),
    ])
    .join('\n')
}

function named(name: string, isModel: boolean): string {
  return isModel ? `model of ${name}` : name
}

function withInterval({ ratio, lower, upper }: Share): string {
  return `${percent(ratio)} [${percent(lower)}, ${percent(upper)}]`
}

function percent(ratio: number): string {
  return String(Number((ratio * 100).toFixed(2)))
}

function seconds(value: number | null): string {
  if (value === null || !Number.isFinite(value)) return '>1 h'
  return String(Number(value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0)))
}

function count(value: number): string {
  return value < 10 ? value.toFixed(1) : value.toFixed(0)
}

/** Columns as wide as their widest cell, two spaces between them. */
function align(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map((row) => row[i]!.length)))
  return rows
    .map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}
