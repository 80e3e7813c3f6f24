/**
 * The live stream of events (server-sent events, HTML Living Standard section 9.2).
 *
 * Each stream is a cursor on the journal, and an announcement only says how far it may read. So
 * there is no queue beside the journal: replay and live are one loop, without gap or duplicate
 * between them, and a slow reader costs one page of memory however much happens. Pushing each entry
 * into every open response was rejected for exactly that. What is not routed yet is not announced,
 * and so not told.
 */

import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { inspect } from 'node:util'
import { CodedError } from '../coded-error.ts'
import type { JournalEntry } from '../store/contract.ts'
import type { ApiDeps } from './deps.ts'
import { viewEvent } from './event-view.ts'

export interface StreamLimits {
  /** Open streams; one more is answered 503. */
  readonly streamCount: number
  /** Entries read and written at a time, the most that is held for one reader. */
  readonly pageCount: number
  /** A reader that leaves a page unread for so long is disconnected, milliseconds. */
  readonly stallMs: number
  /** Time between two comments that keep the connection from being taken for dead, milliseconds. */
  readonly heartbeatMs: number
}

export const STREAM_LIMITS: StreamLimits = {
  streamCount: 64,
  pageCount: 100,
  stallMs: 30_000,
  heartbeatMs: 15_000,
}

/** Milliseconds after which a browser connects again. */
const RETRY_MS = 2_000

const HEAD = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-cache, no-transform',
  'x-accel-buffering': 'no',
  // A stream ends with its connection, so that a stopping server waits for no idle one.
  connection: 'close',
}

export interface StreamQuery {
  /** The last entry that the reader has; undefined: from now on. */
  readonly after: number | undefined
  readonly rollout: string | undefined
}

type Source = Pick<ApiDeps, 'engine' | 'store' | 'log'>

export class EventStreams {
  readonly #source: Source
  readonly #limits: StreamLimits
  readonly #open = new Set<ServerResponse>()

  constructor(source: Source, limits: StreamLimits) {
    this.#source = source
    this.#limits = limits
  }

  /** Throws `CodedError` (`tooManyStreams`) when no further stream may be opened. */
  admit(): void {
    if (this.#open.size < this.#limits.streamCount) return
    throw new CodedError(
      'tooManyStreams',
      `${this.#open.size} event streams are open, which is the limit; close one, or ask /v1/events`,
    )
  }

  /** Writes events to the response until either side closes. */
  async run(response: ServerResponse, query: StreamQuery): Promise<void> {
    this.#open.add(response)
    try {
      response.writeHead(200, HEAD)
      response.write(`retry: ${RETRY_MS}\n\n`)
      await follow(response, query, this.#source, this.#limits)
    } catch (error) {
      this.#source.log.warn('an event stream broke off', { error: inspect(error) })
    } finally {
      this.#open.delete(response)
      response.end()
    }
  }

  /** Ends every stream; the readers come back with their last event id. */
  close(): void {
    for (const response of this.#open) {
      if (response.writableNeedDrain) response.destroy()
      else response.end()
    }
  }
}

async function follow(
  response: ServerResponse,
  { after, rollout }: StreamQuery,
  { engine, store }: Source,
  { pageCount, stallMs, heartbeatMs }: StreamLimits,
): Promise<void> {
  let announcedSeq = 0
  let cursor = 0
  let bell = Promise.withResolvers<void>()
  const gone = new AbortController()
  const isOpen = (): boolean => !response.writableEnded && !response.destroyed

  const wake = (): void => bell.resolve()
  const woken = async (): Promise<void> => {
    bell = Promise.withResolvers()
    await bell.promise
  }
  const drained = async (): Promise<void> => {
    const stalled = setTimeout(() => response.destroy(), stallMs)
    await once(response, 'drain', { signal: gone.signal }).catch(() => {})
    clearTimeout(stalled)
  }
  const writePage = async (): Promise<void> => {
    const goal = announcedSeq
    const filter = rollout === undefined ? {} : { rollout }
    const page = await store.journal({ after: cursor, limit: pageCount, ...filter })
    if (!isOpen()) return
    const frames = page.filter((entry) => entry.seq <= goal).map(frame)
    if (frames.length > 0) response.write(frames.join(''))
    const last = page.at(-1)
    cursor = page.length < pageCount || last === undefined ? goal : Math.min(goal, last.seq)
  }

  response.on('finish', wake).on('close', () => {
    gone.abort()
    wake()
  })
  const heartbeat = setInterval(() => {
    if (isOpen() && !response.writableNeedDrain) response.write(': still here\n\n')
  }, heartbeatMs)
  const unsubscribe = engine.onEntry((entry) => {
    announcedSeq = Math.max(announcedSeq, entry.seq)
    wake()
  })
  try {
    announcedSeq = Math.max(announcedSeq, await store.lastSeq())
    // An id of another journal, such as one in memory before a restart: this one is new to the reader.
    cursor = after === undefined ? announcedSeq : after > announcedSeq ? 0 : after
    while (isOpen()) {
      const next = response.writableNeedDrain ? drained : cursor < announcedSeq ? writePage : woken
      await next()
    }
  } finally {
    unsubscribe()
    clearInterval(heartbeat)
  }
}

function frame(entry: JournalEntry): string {
  const event = viewEvent(entry)
  return `id: ${event.seq}\nevent: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`
}
