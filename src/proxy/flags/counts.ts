/**
 * How often flags were evaluated, by what came of it: counted here, told to control once in a while, added up there.
 *
 * Not in the shared tally: its places are fixed, and which flags there are changes while the process runs.
 */

/** Since it was last told. */
export interface FlagCount {
  readonly provider: string
  readonly flag: string
  /** What the flag named; `none` where it named nobody. */
  readonly variant: string
  /** OpenFeature's reasons and error codes in lower case, and a few of our own. */
  readonly reason: string
  readonly count: number
}

/** Rows of one thread; what comes after them is counted in one row a flag. */
export const COUNT_ROWS = 1_000

export const NO_VARIANT = 'none'
const OTHER = 'other'

type Row = { -readonly [Key in keyof FlagCount]: FlagCount[Key] }

export class FlagCounts {
  readonly #rows: Row[] = []
  readonly #byFlag = new Map<string, FlagTally>()

  /** Where this flag is counted. */
  of(provider: string, flag: string): FlagTally {
    const name = `${provider}\n${flag}`
    let tally = this.#byFlag.get(name)
    if (tally === undefined) {
      tally = new FlagTally((variant, reason) => {
        const isFull = this.#rows.length >= COUNT_ROWS
        const row = {
          provider,
          flag,
          variant: isFull ? OTHER : variant,
          reason: isFull ? OTHER : reason,
          count: 0,
        }
        this.#rows.push(row)
        return row
      })
      this.#byFlag.set(name, tally)
    }
    return tally
  }

  /** Returns what was counted since the last call, and begins anew. */
  take(): readonly FlagCount[] {
    const counted: FlagCount[] = []
    for (const row of this.#rows) {
      if (row.count === 0) continue
      counted.push({ ...row })
      row.count = 0
    }
    return counted
  }
}

/** Of one flag. Hot. */
export class FlagTally {
  readonly #create: (variant: string, reason: string) => Row
  readonly #byReason = new Map<string, Map<string | null, Row>>()
  #rowCount = 0
  #rest: Row | null = null

  constructor(create: (variant: string, reason: string) => Row) {
    this.#create = create
  }

  note(variant: string | null, reason: string): void {
    const row = this.#byReason.get(reason)?.get(variant) ?? this.#begin(variant, reason)
    row.count++
  }

  #begin(variant: string | null, reason: string): Row {
    if (this.#rest !== null) return this.#rest
    const row = this.#create(variant ?? NO_VARIANT, reason.toLowerCase())
    if (++this.#rowCount > ROWS_OF_FLAG || row.reason === OTHER) {
      this.#rest = row
      row.variant = OTHER
      row.reason = OTHER
      return row
    }
    const byVariant = this.#byReason.get(reason) ?? new Map<string | null, Row>()
    byVariant.set(variant, row)
    this.#byReason.set(reason, byVariant)
    return row
  }
}

/** Values of one flag come from its provider, which may make up as many as it likes. */
const ROWS_OF_FLAG = 50
