/**
 * Endpoints by name: all addresses that DNS has for each, asked again as their time to live runs out.
 *
 * What answered last stays in force while nobody answers: a name server that is away must not take traffic from servers
 * that are there. What stands in the hosts file, and what DNS does not know, the system is asked for as by programs (search
 * domains too), and that has no time to live. `localhost` is left to each connection: its two addresses are one machine, and a service may listen on either.
 */

import { isIP } from 'node:net'
import type { Log } from '../log.ts'
import { type Answer, resolveName, type Resolver, TTL_MIN_MS } from './answer.ts'

/** Further ones of a name are left out, the same each time. */
export const ADDRESS_LIMIT = 64
/** Names that are looked up at once; further ones wait. */
const CONCURRENCY = 32
/** After a failure; doubled with each further one. */
const RETRY_MIN_MS = 1_000
const RETRY_MAX_MS = 60_000
/** Share of the wait by which each one is drawn shorter, so that the replicas of a fleet do not ask together. */
const JITTER = 0.1

/** What is known of a name. */
export interface NameReading {
  /** Sorted; null before the first answer. */
  readonly addresses: readonly string[] | null
  readonly failureCount: number
  /** Why the last time failed; null: it did not. */
  readonly fault: string | null
}

interface Name extends NameReading {
  readonly host: string
  addresses: readonly string[] | null
  failureCount: number
  fault: string | null
  failuresInRow: number
  dueMs: number
  isAsked: boolean
}

export interface NamesOptions {
  readonly resolver: Resolver
  readonly nowMs: () => number
  /** 0 up to, not including, 1. */
  readonly random: () => number
  readonly log: Pick<Log, 'info' | 'warn'>
  /** Called when the addresses of a name are others than before. */
  readonly onChange: () => void
}

export class Names {
  readonly #options: NamesOptions
  #names = new Map<string, Name>()
  #activeCount = 0

  constructor(options: NamesOptions) {
    this.#options = options
  }

  /** All hosts of the configuration; those that are addresses need no answer. */
  use(hosts: Iterable<string>): void {
    const before = this.#names
    this.#names = new Map()
    for (const host of hosts) {
      if (isIP(host) !== 0 || isLocal(host)) continue
      this.#names.set(host, before.get(host) ?? unknownName(host, this.#options.nowMs()))
    }
  }

  /** Null where connections are made to the host as it stands. */
  reading(host: string): NameReading | null {
    return this.#names.get(host) ?? null
  }

  get readings(): ReadonlyMap<string, NameReading> {
    return this.#names
  }

  /** Asks for the names that are due; called every 100 ms. */
  tick(): void {
    const nowMs = this.#options.nowMs()
    for (const name of this.#names.values()) {
      if (this.#activeCount >= CONCURRENCY) return
      if (!name.isAsked && name.dueMs <= nowMs) void this.#ask(name)
    }
  }

  /** Gives up what is asked for. */
  close(): void {
    this.#names.clear()
    this.#options.resolver.close()
  }

  async #ask(name: Name): Promise<void> {
    name.isAsked = true
    this.#activeCount++
    const answer = await resolveName(this.#options.resolver, name)
    this.#activeCount--
    name.isAsked = false
    if (this.#names.get(name.host) === name) this.#take(name, answer)
  }

  #take(name: Name, answer: Answer): void {
    const { nowMs, random } = this.#options
    if ('fault' in answer) this.#fail(name, answer.fault)
    else this.#keep(name, answer.addresses)
    const waitMs = 'fault' in answer ? retryMs(name.failuresInRow) : answer.ttlMs
    name.dueMs = nowMs() + Math.max(TTL_MIN_MS, waitMs * (1 - JITTER * random()))
  }

  #keep(name: Name, found: readonly string[]): void {
    const { log, onChange } = this.#options
    const addresses = [...new Set(found)].toSorted().slice(0, ADDRESS_LIMIT)
    if (name.fault !== null) log.info(`The name ${name.host} is resolved again`)
    name.fault = null
    name.failuresInRow = 0
    const before = name.addresses
    if (before?.join() === addresses.join()) return
    name.addresses = addresses
    if (found.length > ADDRESS_LIMIT) {
      log.warn(`The name ${name.host} has ${found.length} addresses; ${ADDRESS_LIMIT} are used`)
    }
    if (before !== null) log.info(`The name ${name.host} is now ${addresses.join(', ')}`)
    onChange()
  }

  #fail(name: Name, fault: string): void {
    const { log } = this.#options
    const kept =
      name.addresses === null ? 'each connection tries it itself' : 'the last addresses stay in use'
    if (name.fault === null) log.warn(`The name ${name.host} cannot be resolved: ${fault}; ${kept}`)
    name.fault = fault
    name.failureCount++
    name.failuresInRow++
  }
}

function unknownName(host: string, nowMs: number): Name {
  return {
    host,
    addresses: null,
    failureCount: 0,
    fault: null,
    failuresInRow: 0,
    dueMs: nowMs,
    isAsked: false,
  }
}

function isLocal(host: string): boolean {
  return host === 'localhost' || host.endsWith('.localhost')
}

function retryMs(failuresInRow: number): number {
  return Math.min(RETRY_MAX_MS, RETRY_MIN_MS * 2 ** (failuresInRow - 1))
}
