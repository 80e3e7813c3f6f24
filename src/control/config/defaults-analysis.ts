/** Defaults and ranges of what is measured and judged beside the guard, with the reason for each. Milliseconds. */

import type { Setting } from './defaults.ts'

const SECOND = 1_000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

/** As Argo's for Prometheus: a query that takes longer is too dear to be asked each minute. */
export const PROVIDER_TIMEOUT: Setting = { min: 100, max: 5 * MINUTE, default: 30 * SECOND }

/** A series is scraped each second at the fastest; what is asked more often reads the same value again. */
export const METRIC_INTERVAL = { min: SECOND, max: DAY } as const

export const METRIC_DELAY: Setting = { min: 0, max: DAY, default: 0 }

/** How far back a range query looks, and how far its points are apart. */
export const RANGE = { min: SECOND, max: 7 * DAY } as const
export const STEP = { min: SECOND, max: DAY } as const

/** Prometheus' own limit on the points of a range. */
export const RANGE_POINTS = 11_000

/** How long a pushed value counts: several pushes of a job that runs each minute may be lost. */
export const PUSHED_AGE: Setting = { min: SECOND, max: DAY, default: 5 * MINUTE }

/** Measurements until a metric passes. */
export const METRIC_COUNT = { min: 1, max: 100_000 } as const

/** -1, as in Argo: any number. */
export const METRIC_LIMIT: Setting = { min: -1, max: 100_000, default: 0 }

/** As Argo's. */
export const ERROR_LIMIT: Setting = { min: 0, max: 100_000, default: 4 }

/** Kayenta's documents ask for 50 points a metric and more; a point a minute is what its sources have. */
export const POINT_INTERVAL: Setting = { min: SECOND, max: HOUR, default: MINUTE }

/** Points before Kayenta's judge says anything: its guide asks for 50, and two or three are mere luck. */
export const POINT_COUNT: Setting = { min: 3, max: 1_440, default: 50 }

/** Kayenta's words for scores, 0 to 100. */
export const SCORES = {
  pass: { min: 0, max: 100, default: 95 },
  marginal: { min: 0, max: 100, default: 75 },
} as const satisfies Record<string, Setting>

/** Kayenta's: times the interquartile range. */
export const OUTLIER_FACTOR: Setting = { min: 0.1, max: 100, default: 3 }

/** A thousand times stable is no limit any more. */
export const EFFECT = { min: 0, max: 1_000 } as const

/** How many entries a list may have. */
export const ANALYSIS_ENTRIES = {
  servers: 64,
  headers: 32,
  metrics: 64,
  groups: 32,
} as const

/** Characters of a query, and of the body of a question. */
export const QUERY_LENGTH = 8_192
