/** What goes wrong at a provider of metrics: its own reason, and never a verdict about the canary. */

import type { ErrorKind } from '../../analyzer/measure/measure.ts'

/** A provider that did not answer, or not as it should. The message ends a sentence and holds no secret. */
export class ProviderError extends Error {
  override readonly name = 'ProviderError'
  readonly kind: ErrorKind

  constructor(message: string, kind: ErrorKind = 'answer') {
    super(message)
    this.kind = kind
  }
}

/** Another's words, on one line and at most 200 characters. */
export function quoteTheirs(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ').trim()
  return line.length > 200 ? `${line.slice(0, 199)}…` : line
}
