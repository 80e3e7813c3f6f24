/** What the process tells its operator: one line an event on standard error, time and level first. */

export type Level = 'debug' | 'info' | 'warn' | 'error'

type Say = (message: string, fields?: Readonly<Record<string, unknown>>) => void

export interface Log {
  /** Only where the operator has asked for it. */
  debug: Say
  info: Say
  warn: Say
  error: Say
}

export interface DebugLog extends Log {
  /** Written only where the operator has asked for it. */
  debug: Say
}

/** `nowMs` gives milliseconds since 1970; `isDebug` is asked at each line of that level. */
export function createLog(
  write: (line: string) => void,
  nowMs: () => number,
  isDebug: () => boolean = () => false,
): DebugLog {
  const line =
    (level: Level): Say =>
    (message, fields) => {
      if (level === 'debug' && !isDebug()) return
      const time = new Date(nowMs()).toISOString()
      const rest = fields === undefined ? '' : ` ${JSON.stringify(fields)}`
      write(`${time} ${level.padEnd(5)} ${message}${rest}\n`)
    }
  return { debug: line('debug'), info: line('info'), warn: line('warn'), error: line('error') }
}
