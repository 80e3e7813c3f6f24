/**
 * What may stand in `analysis`: servers that are asked for metrics, metrics, and the judge beside the guard.
 *
 * What needs the rest of the file, such as whether a server of that name exists, is checked here too, since all of
 * it stands in this section.
 */

import { z } from 'zod'
import type { KayentaPlan } from '../../analyzer/kayenta/judge.ts'
import { ANALYSIS_ENTRIES } from './defaults-analysis.ts'
import { choice } from './leaf.ts'
import { NAME_PATTERN, NAME_RULE, isName } from './names.ts'
import { Kayenta } from './schema-kayenta.ts'
import { Metric } from './schema-metric.ts'
import { Server } from './schema-server.ts'
import { customIssue, list, section } from './section.ts'
import { didYouMean, quote } from './wording.ts'

const Servers = z
  .record(z.string(), Server)
  .check(({ value, issues }) => {
    const names = Object.keys(value)
    if (names.length > ANALYSIS_ENTRIES.servers) {
      issues.push(customIssue(undefined, [], `at most ${ANALYSIS_ENTRIES.servers} are possible`))
    }
    for (const name of names.filter((each) => !isName(each))) {
      issues.push(customIssue(undefined, [name], `${quote(name)} is not a name; ${NAME_RULE}`))
    }
  })
  .meta({
    description: 'Servers by name that are asked for metrics.',
    propertyNames: { pattern: NAME_PATTERN },
    maxProperties: ANALYSIS_ENTRIES.servers,
  })

export const Analysis = section({
  servers: Servers.prefault({}),
  metrics: list(Metric, 0, ANALYSIS_ENTRIES.metrics)
    .prefault([])
    .describe('What is measured beside what the proxy sees itself.'),
  judge: choice(
    ['none', 'kayenta', 'kayenta-exact'],
    "Kayenta's judge over windows of both variants, beside the guard. kayenta-exact decides as Kayenta does, to the noise of its solver; kayenta gives the same verdict in any unit. Default none.",
  ).prefault('none'),
  kayenta: Kayenta.prefault({}),
})
  .check(({ value, issues }) => {
    if (issues.length > 0) return
    const { servers, metrics } = value
    metrics.forEach(({ plan: { name }, provider }, i) => {
      const path = ['metrics', i]
      const complain = (message: string) => {
        issues.push({ ...customIssue(name, [], message), path })
      }
      if (metrics.findIndex(({ plan }) => plan.name === name) !== i) {
        complain(`the name ${quote(name)} is there already`)
      }
      if (provider.kind === 'pushed') return
      const server = Object.hasOwn(servers, provider.server) ? servers[provider.server] : undefined
      if (server === undefined) {
        const known = Object.keys(servers)
        const hint = known.length === 0 ? 'there is none' : didYouMean(provider.server, known)
        complain(`there is no server ${quote(provider.server)} in analysis.servers; ${hint}`)
      } else if (server.kind !== provider.kind) {
        complain(`asks ${quote(provider.server)} as ${provider.kind}, but it is ${server.kind}`)
      }
    })
  })
  .transform(({ judge, kayenta, servers, metrics }) => ({
    servers: new Map(Object.entries(servers)),
    metrics,
    judge: judge === 'none' ? null : settingsOf(judge, kayenta),
  }))
  .meta({ description: 'What else speaks about a canary, beside the guard.' })

export type AnalysisEntry = z.output<typeof Analysis>

/** Kayenta's judge, when it looks and what comes of it. */
interface KayentaSettings extends KayentaPlan {
  readonly intervalMs: number
  /** Points of an attempt before anything is judged. */
  readonly minPointCount: number
  readonly onFailure: 'abort' | 'pause' | 'warn'
}

function settingsOf(
  judge: 'kayenta' | 'kayenta-exact',
  { metrics, groupWeights, thresholds, interval, points, onFailure }: z.output<typeof Kayenta>,
): KayentaSettings {
  return {
    rootTolerance: judge === 'kayenta' ? 'relative' : 'exact',
    metrics,
    groupWeights,
    thresholds,
    intervalMs: interval,
    minPointCount: points,
    onFailure,
  }
}
