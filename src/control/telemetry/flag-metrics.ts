/**
 * The metrics of flags. Labels are bounded where they are counted: flags that rules ask, variants and reasons that came of
 * them.
 */

import { isCounted, type MetricDefinition, row } from './metric-kinds.ts'

export const FLAG_METRICS: readonly MetricDefinition[] = [
  {
    name: 'sluice_flag_evaluations_total',
    help: 'Evaluations of flags by rules, by the variant that came of them and why.',
    type: 'counter',
    rows: ({ source }) =>
      source
        .flags()
        .evaluations()
        .map(({ labels, value }) => row({ ...labels }, value))
        .filter(isCounted),
  },
  {
    name: 'sluice_flag_provider_last_load_successful',
    help: '1 when the newest definitions of the provider are in force, else 0.',
    type: 'gauge',
    rows: ({ source }) =>
      source
        .flags()
        .providers()
        .map(({ name, fault }) => row({ provider: name }, fault === null ? 1 : 0)),
  },
  {
    name: 'sluice_flag_provider_load_failures_total',
    help: 'Definitions of the provider that could not be read or used.',
    type: 'counter',
    rows: ({ source }) =>
      source
        .flags()
        .providers()
        .map(({ name, failureCount }) => row({ provider: name }, failureCount))
        .filter(isCounted),
  },
]
