/** What the process tells its operator: one line an event on standard error, time and level first. */

export type Level = 'info' | 'warn' | 'error'

export interface Log {
  info(message: string, fields?: Readonly<Record<string, unknown>>): void
  warn(message: string, fields?: Readonly<Record<string, unknown>>): void
  error(message: string, fields?: Readonly<Record<string, unknown>>): void
}

/** `nowMs` gives milliseconds since 1970. */
export function createLog(write: (line: string) => void, nowMs: () => number): Log {
  const line =
    (level: Level) =>
    (message: string, fields?: Readonly<Record<string, unknown>>): void => {
      const time = new Date(nowMs()).toISOString()
      const rest = fields === undefined ? '' : ` ${JSON.stringify(fields)}`
      write(`${time} ${level.padEnd(5)} ${message}${rest}\n`)
    }
  return { info: line('info'), warn: line('warn'), error: line('error') }
}
