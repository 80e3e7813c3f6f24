/**
 * Asking a provider over HTTP, with a bound on everything: time, size, how many at once, how many waiting.
 *
 * No redirects are followed: an address that was allowed must not lead to one that was not, and the credentials
 * with it. Compressed answers are not asked for, so that what is counted is what is parsed. fetch was rejected: it
 * follows redirects by default, and its body has no bound.
 */

import { Agent, request } from 'undici'
import { ProviderError, quoteTheirs } from './failure.ts'

export interface HttpLimits {
  /** From the asking to the last byte, waiting included; 30 s is Argo's. */
  readonly timeoutMs: number
  /** Of the answer; then it is cut and is an error. */
  readonly bodyBytes: number
  /** Questions on the way at once. */
  readonly concurrency: number
  /** Questions that wait for their turn; one more is an error at once. */
  readonly waiting: number
}

/** Of one server. A thousand rollouts with a metric each still fit into the line. */
export const HTTP_LIMITS: HttpLimits = {
  timeoutMs: 30_000,
  bodyBytes: 1_048_576,
  concurrency: 16,
  waiting: 1_024,
}

export interface Question {
  readonly method: 'GET' | 'POST'
  /** Without user and password. */
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string | undefined
  /** Left out: the client's own. */
  readonly timeoutMs?: number | undefined
}

export interface HttpAnswer {
  readonly status: number
  readonly text: string
}

export interface HttpOptions {
  readonly limits?: HttpLimits
  /** PEM of the authorities that vouch for https servers; null: the public ones. */
  readonly ca?: string | null
}

/** Connections to providers, kept open between questions. */
export class HttpClient {
  readonly #limits: HttpLimits
  readonly #agent: Agent
  readonly #waiting: (() => void)[] = []
  #activeCount = 0

  constructor({ limits = HTTP_LIMITS, ca = null }: HttpOptions = {}) {
    this.#limits = limits
    this.#agent = new Agent({
      connections: limits.concurrency,
      pipelining: 1,
      connect: ca === null ? {} : { ca },
    })
  }

  /** Asks. Throws a `ProviderError`; an answer of any status is an answer, but for redirects. */
  async ask(question: Question, signal?: AbortSignal): Promise<HttpAnswer> {
    const timeoutMs = question.timeoutMs ?? this.#limits.timeoutMs
    const late = AbortSignal.timeout(timeoutMs)
    const end = signal === undefined ? late : AbortSignal.any([late, signal])
    try {
      await this.#turn(end)
    } catch (error) {
      throw this.#failure(error, { late, timeoutMs, url: question.url })
    }
    try {
      return await this.#exchange(question, end)
    } catch (error) {
      throw this.#failure(error, { late, timeoutMs, url: question.url })
    } finally {
      // The turn goes to the next in line, or is free.
      const next = this.#waiting.shift()
      if (next === undefined) this.#activeCount--
      else next()
    }
  }

  /** Ends what is under way. */
  async close(): Promise<void> {
    await this.#agent.destroy()
  }

  /** Takes a turn, or waits for one that is passed on. */
  async #turn(end: AbortSignal): Promise<void> {
    const { concurrency, waiting } = this.#limits
    if (this.#activeCount >= concurrency) {
      if (this.#waiting.length >= waiting) {
        throw new ProviderError(`${waiting} questions to providers wait already`, 'crowded')
      }
      return this.#nextTurn(end)
    }
    this.#activeCount++
  }

  #nextTurn(end: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const take = () => {
        end.removeEventListener('abort', leave)
        resolve()
      }
      const leave = () => {
        this.#waiting.splice(this.#waiting.indexOf(take), 1)
        reject(new ProviderError(GIVEN_UP))
      }
      if (end.aborted) {
        reject(new ProviderError(GIVEN_UP))
        return
      }
      end.addEventListener('abort', leave, { once: true })
      this.#waiting.push(take)
    })
  }

  async #exchange(question: Question, signal: AbortSignal): Promise<HttpAnswer> {
    const { method, url, headers, body } = question
    const { statusCode, body: stream } = await request(url, {
      dispatcher: this.#agent,
      method,
      headers: { accept: 'application/json', ...headers },
      body: body ?? null,
      signal,
    })
    const chunks: Buffer[] = []
    let byteCount = 0
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      byteCount += chunk.length
      if (byteCount > this.#limits.bodyBytes) {
        stream.destroy()
        throw new ProviderError(`the answer is larger than ${this.#limits.bodyBytes} bytes`)
      }
      chunks.push(chunk)
    }
    if (statusCode >= 300 && statusCode < 400) {
      throw new ProviderError(`it answered ${statusCode}, and redirects are not followed`, 'status')
    }
    return { status: statusCode, text: Buffer.concat(chunks).toString('utf8') }
  }

  #failure(
    error: unknown,
    { late, timeoutMs, url }: { late: AbortSignal; timeoutMs: number; url: string },
  ): ProviderError {
    const whom = placeOf(url)
    if (late.aborted) {
      return new ProviderError(`${whom}: no answer within ${timeoutMs} ms`, 'timeout')
    }
    return error instanceof ProviderError
      ? new ProviderError(`${whom}: ${error.message}`, error.kind)
      : new ProviderError(`${whom}: ${reasonOf(error)}`, 'connection')
  }
}

const GIVEN_UP = 'it was given up'

/** Scheme, host and path alone: queries can hold names that are not for logs. */
function placeOf(url: string): string {
  return url.split(/[?#]/, 1)[0] ?? url
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return quoteTheirs(String(error))
  const code = 'code' in error && typeof error.code === 'string' ? error.code : error.name
  return REASONS[code] ?? `${code}: ${quoteTheirs(error.message)}`
}

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'the connection was refused',
  ECONNRESET: 'the connection was reset',
  ENOTFOUND: 'the host is not known',
  UND_ERR_SOCKET: 'the connection broke',
  UND_ERR_CONNECT_TIMEOUT: 'the connection took too long',
  AbortError: GIVEN_UP,
}
