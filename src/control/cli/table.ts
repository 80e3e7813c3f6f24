/**
 * Columns of text, aligned, for people. Scripts take `--output json`.
 */

import { stripVTControlCharacters } from 'node:util'

export interface Column {
  readonly title: string
  /** Numbers stand to the right. */
  readonly isNumber?: true
}

/** Lines of equal columns, two spaces apart, a title line first, nothing behind the last word. */
export function table(columns: readonly Column[], rows: readonly (readonly string[])[]): string[] {
  const lines = [columns.map((column) => column.title), ...rows]
  const widths = columns.map((_, i) => Math.max(...lines.map((line) => widthOf(line[i] ?? ''))))
  return lines.map((line) =>
    columns
      .map((column, i) => {
        const cell = line[i] ?? ''
        const padding = ' '.repeat(widths[i]! - widthOf(cell))
        return column.isNumber ? padding + cell : cell + padding
      })
      .join('  ')
      .trimEnd(),
  )
}

/** Columns that a text takes on the screen; escape codes take none. */
export function widthOf(text: string): number {
  return stripVTControlCharacters(text).length
}
