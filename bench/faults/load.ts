/** Requests at random times that wait for no answer (Poisson), and what became of each. */

import { Agent, request } from 'undici'

export interface Sample {
  /** When it was sent, on the clock of `performance.now`. */
  readonly atMs: number
  /** Null: there was no answer. */
  readonly status: number | null
  /** Port of the endpoint that answered; null: none did. */
  readonly servedBy: number | null
  readonly latencyMs: number
  /** Why there was no answer, or why Sluice gave its own; null: all is well. */
  readonly fault: string | null
}

/** Far beyond what a request may take here. */
const TIMEOUT_MS = 20_000
const CONNECTIONS = 256

export class Load {
  readonly samples: Sample[] = []
  readonly #url: string
  readonly #rate: number
  readonly #agent = new Agent({ connections: CONNECTIONS, pipelining: 1 })
  #timer: NodeJS.Timeout | null = null
  readonly #underWay = new Set<Promise<void>>()

  /** `rate`: requests a second. */
  constructor(url: string, rate: number) {
    this.#url = url
    this.#rate = rate
  }

  start(): void {
    let nextMs = performance.now()
    const beat = (): void => {
      for (const nowMs = performance.now(); nextMs <= nowMs;) {
        this.#send()
        nextMs += (-Math.log(1 - Math.random()) * 1_000) / this.#rate
      }
      this.#timer = setTimeout(beat, 1)
    }
    beat()
  }

  /** Resolves when every answer is there. */
  async stop(): Promise<void> {
    clearTimeout(this.#timer ?? undefined)
    await Promise.all(this.#underWay)
    await this.#agent.destroy()
  }

  #send(): void {
    const asked = this.#ask().finally(() => this.#underWay.delete(asked))
    this.#underWay.add(asked)
  }

  async #ask(): Promise<void> {
    const atMs = performance.now()
    const signal = AbortSignal.timeout(TIMEOUT_MS)
    try {
      const { statusCode, headers, body } = await request(this.#url, {
        dispatcher: this.#agent,
        signal,
      })
      await body.dump()
      const servedBy = Number(headers['x-served-by']) || null
      const latencyMs = performance.now() - atMs
      const fault = headers['proxy-status']?.toString() ?? null
      this.samples.push({ atMs, status: statusCode, servedBy, latencyMs, fault })
    } catch (error) {
      const fault = error instanceof Error ? error.message : String(error)
      const latencyMs = performance.now() - atMs
      this.samples.push({ atMs, status: null, servedBy: null, latencyMs, fault })
    }
  }
}
