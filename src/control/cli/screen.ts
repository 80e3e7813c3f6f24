/**
 * A part of the terminal that is drawn over: lines stay above, the live part stands below them.
 *
 * The lines are drawn in place, not on the alternate screen, so that the last picture stays when the command ends.
 * Where the output is no terminal there is no live part, and nothing but the lines is written.
 */

import { widthOf } from './table.ts'
import type { Output } from './context.ts'

export interface Screen {
  readonly isLive: boolean
  /** Draws the live part anew; does nothing where there is none. */
  draw(lines: readonly string[]): void
  /** Adds a line that stays, above the live part. */
  append(line: string): void
  /** Takes the live part away; what was drawn before is gone. */
  clear(): void
  /** Leaves what is drawn and shows the cursor again. */
  close(): void
}

/** How `paint` begins each of its codes; they end with an m. */
const ESCAPE = '\x1b['
const HIDE_CURSOR = '\x1b[?25l'
const SHOW_CURSOR = '\x1b[?25h'
const CLEAR_BELOW = '\x1b[J'

/** Of a terminal that does not say. */
const DEFAULT_COLUMNS = 100
const DEFAULT_ROWS = 24

export function createScreen(output: Output, isLive: boolean): Screen {
  let live: readonly string[] = []
  let isCursorHidden = false

  const wipe = (): string => (live.length === 0 ? '' : `\x1b[${live.length}A\r${CLEAR_BELOW}`)

  return {
    isLive,
    draw: (lines) => {
      if (!isLive) return
      const columns = output.columns || DEFAULT_COLUMNS
      const rows = output.rows || DEFAULT_ROWS
      const clipped = lines.slice(0, rows - 1).map((line) => clip(line, columns - 1))
      const hide = isCursorHidden ? '' : HIDE_CURSOR
      output.write(hide + wipe() + text(clipped))
      isCursorHidden = true
      live = clipped
    },
    append: (line) => {
      output.write(`${wipe()}${line}\n${text(live)}`)
    },
    clear: () => {
      if (live.length > 0) output.write(wipe())
      live = []
    },
    close: () => {
      if (isCursorHidden) output.write(SHOW_CURSOR)
      isCursorHidden = false
      live = []
    },
  }
}

function text(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join('')
}

/** Cuts a line to a width, counting no escape codes and leaving none open. A line that wrapped could not be wiped. */
function clip(line: string, width: number): string {
  if (widthOf(line) <= width) return line
  const [start = '', ...coded] = line.split(ESCAPE)
  let room = width - 1
  const cut = (piece: string): string => {
    const kept = piece.slice(0, Math.max(0, room))
    room -= kept.length
    return kept
  }
  const rest = coded.map((part) => {
    const end = part.indexOf('m') + 1
    return ESCAPE + part.slice(0, end) + cut(part.slice(end))
  })
  return `${cut(start)}${rest.join('')}…`
}
