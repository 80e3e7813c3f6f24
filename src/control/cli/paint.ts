/**
 * Colours for a terminal, and none elsewhere.
 *
 * `styleText` could look at the stream itself; the choice is made once, at the start, so that tests and pipes see
 * exactly what a command writes.
 */

import { styleText } from 'node:util'
import type { Environment } from '../config/env.ts'

type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan'

/** Wraps a text in a style, or returns it as it is. */
export type Paint = (style: Style | readonly Style[], text: string) => string

export const plain: Paint = (_style, text) => text

export const coloured: Paint = (style, text) =>
  styleText(typeof style === 'string' ? style : [...style], text, { validateStream: false })

/** True where escape codes may be written: on a terminal that knows them, unless NO_COLOR is set. */
export function allowsEscapes(isTty: boolean, env: Environment): boolean {
  return isTty && (env['NO_COLOR'] ?? '') === '' && env['TERM'] !== 'dumb'
}
