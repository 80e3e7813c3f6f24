/** Reading definitions, with a bound on everything: from a file, and over HTTP with an ETag. */

import { closeSync, fstatSync, openSync, readFileSync, statSync } from 'node:fs'
import { Agent, type Dispatcher, request } from 'undici'
import { DEFINITIONS_BYTES } from '../config/defaults-flags.ts'
import { readFault } from '../config/named-files.ts'

/** For an answer to be whole. */
const ANSWER_MS = 10_000

export type Answered =
  | { readonly text: string; readonly fault?: never }
  | { readonly text?: never; readonly fault: string }

const TOO_LARGE = `is larger than ${DEFINITIONS_BYTES} bytes`

/** Reads a file; never throws. */
export function readDefinitions(path: string): Answered {
  let descriptor: number | undefined
  try {
    // Neither a pipe, which would be waited for, nor a device without end.
    if (!statSync(path).isFile()) return { fault: `${path} is not a file` }
    descriptor = openSync(path, 'r')
    if (fstatSync(descriptor).size > DEFINITIONS_BYTES) return { fault: `${path} ${TOO_LARGE}` }
    return { text: new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(descriptor)) }
  } catch (error) {
    return { fault: `${path} ${readFault(error)}` }
  } finally {
    if (descriptor !== undefined) closeSync(descriptor)
  }
}

/** Asks one address again and again; what has not changed is not sent again. Redirects are not followed. */
export class DefinitionsPoll {
  readonly #url: string
  readonly #agent = new Agent({ connections: 1, maxResponseSize: DEFINITIONS_BYTES })
  #etag: string | null = null
  /** What the ETag belongs to. */
  #text = ''
  #isAsking = false

  constructor(url: string) {
    this.#url = url
  }

  /** Returns what was answered, the same again where nothing has changed; null while it is being asked. Never rejects. */
  async ask(): Promise<Answered | null> {
    if (this.#isAsking) return null
    this.#isAsking = true
    try {
      return await this.#ask()
    } catch (error) {
      return { fault: `${this.#place}: ${reasonOf(error)}` }
    } finally {
      this.#isAsking = false
    }
  }

  async close(): Promise<void> {
    await this.#agent.destroy()
  }

  /** Queries may hold secrets. */
  get #place(): string {
    return this.#url.split('?', 1)[0] ?? this.#url
  }

  async #ask(): Promise<Answered> {
    const { statusCode, headers, body } = await request(this.#url, {
      dispatcher: this.#agent,
      headers: {
        accept: 'application/json',
        ...(this.#etag !== null && { 'if-none-match': this.#etag }),
      },
      signal: AbortSignal.timeout(ANSWER_MS),
    })
    if (statusCode === 304) {
      await body.dump()
      return { text: this.#text }
    }
    if (statusCode !== 200) {
      await body.dump()
      return { fault: `${this.#place} answered ${statusCode}` }
    }
    this.#text = await body.text()
    this.#etag = etagOf(headers)
    return { text: this.#text }
  }
}

function etagOf(headers: Dispatcher.ResponseData['headers']): string | null {
  const { etag } = headers
  return typeof etag === 'string' && etag.length <= 1_024 ? etag : null
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (error.name === 'TimeoutError') return `no answer within ${ANSWER_MS} ms`
  const code = 'code' in error ? String(error.code) : error.name
  return code === 'UND_ERR_RES_EXCEEDED_MAX_SIZE' ? `the answer ${TOO_LARGE}` : code
}
