/**
 * Writes the head of an HTTP/2 request anew as HTTP/1.1, for the one strict parser that there is. Hot.
 *
 * What HTTP/1.1 cannot say is refused here (RFC 9113 sections 8.2 and 8.3): bytes that would end a line or a
 * word, fields that belong to a connection, pseudo-header fields out of place. All else is for the parser to judge, so
 * that both versions follow one rule book. Checks that nghttp2 makes too are made again: this text is where a
 * request would be smuggled.
 */

import { randomBytes } from 'node:crypto'
import type { RequestFault } from '../failure.ts'

const COLON = 0x3a
const SLASH = 0x2f

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
/** A token without upper case. */
const NAME = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/
/** What no value may hold: a line end or NUL, or blanks at its ends. */
const VALUE_FAULT = /[\0\r\n]|^[\t ]|[\t ]$/
const VISIBLE = /^[\x21-\x7e]+$/

/** Methods whose requests are taken to have content: one without says so in HTTP/1.1 (RFC 9110 section 8.6). */
const WITH_CONTENT: ReadonlySet<string> = new Set(['POST', 'PUT', 'PATCH'])

/** The last request that was read. One object serves all requests of a session, one after the other. */
export class RequestText {
  /** The head, latin1. */
  text = ''
  /** Why it was refused; set when `read` returns false. */
  fault: RequestFault = 'malformed'
  /** What broke the rule. */
  found = ''

  #method: string | null = null
  #path: string | null = null
  #scheme: string | null = null
  #authority: string | null = null
  #protocol: string | null = null
  #host: string | null = null
  #cookies = ''
  #lines = ''
  #hasLength = false

  /** `raw`: names and values in turn. `isWhole`: no content follows. */
  read(raw: readonly string[], isWhole: boolean): boolean {
    this.#reset()
    let hasFields = false
    for (let i = 0; i + 1 < raw.length; i += 2) {
      const name = raw[i]!
      const value = raw[i + 1]!
      if (name.charCodeAt(0) === COLON) {
        if (hasFields || !this.#takePseudo(name, value)) return this.#refuse('malformed', name)
      } else {
        hasFields = true
        if (!this.#takeField(name, value)) return false
      }
    }
    return this.#checkPseudo() && this.#write(isWhole)
  }

  #reset(): void {
    this.#method = null
    this.#path = null
    this.#scheme = null
    this.#authority = null
    this.#protocol = null
    this.#host = null
    this.#cookies = ''
    this.#lines = ''
    this.#hasLength = false
  }

  #refuse(fault: RequestFault, found: string): false {
    this.fault = fault
    this.found = found
    return false
  }

  /** Each at most once, and none but those of requests. */
  #takePseudo(name: string, value: string): boolean {
    switch (name) {
      case ':method':
        if (this.#method !== null) return false
        this.#method = value
        return true
      case ':path':
        if (this.#path !== null) return false
        this.#path = value
        return true
      case ':scheme':
        if (this.#scheme !== null) return false
        this.#scheme = value
        return true
      case ':authority':
        if (this.#authority !== null) return false
        this.#authority = value
        return true
      case ':protocol':
        if (this.#protocol !== null) return false
        this.#protocol = value
        return true
      default:
        return false
    }
  }

  #takeField(name: string, value: string): boolean {
    if (!NAME.test(name)) return this.#refuse('malformed', name)
    if (VALUE_FAULT.test(value)) return this.#refuse('malformed', `${name}: ${value}`)
    switch (name) {
      case 'connection':
      case 'keep-alive':
      case 'proxy-connection':
      case 'transfer-encoding':
      case 'upgrade':
        return this.#refuse('malformed', `${name}: ${value}`)
      case 'te':
        if (value.toLowerCase() !== 'trailers') return this.#refuse('malformed', `te: ${value}`)
        break
      case 'host':
        if (this.#host !== null) return this.#refuse('badHost', value)
        this.#host = value
        return true
      case 'cookie':
        this.#cookies += this.#cookies === '' ? value : `; ${value}`
        return true
      case 'content-length':
        this.#hasLength = true
        break
      case 'sec-websocket-key':
        if (this.#protocol !== null) return true
        break
      default:
        break
    }
    this.#lines += `${name}: ${value}\r\n`
    return true
  }

  #checkPseudo(): boolean {
    const method = this.#method
    if (method === null || !TOKEN.test(method)) return this.#refuse('malformed', method ?? '')
    if (method === 'CONNECT' && this.#protocol === null)
      return this.#refuse('methodRefused', method)
    if (this.#scheme !== 'http' && this.#scheme !== 'https') {
      return this.#refuse('malformed', this.#scheme ?? '')
    }
    return this.#checkPath(method) && this.#checkHost()
  }

  /** Never absolute form, which in HTTP/1.1 would outdo the host. */
  #checkPath(method: string): boolean {
    const path = this.#path
    if (path === null || !VISIBLE.test(path)) return this.#refuse('badTarget', path ?? '')
    if (path.charCodeAt(0) === SLASH || (path === '*' && method === 'OPTIONS')) return true
    return this.#refuse('badTarget', path)
  }

  #checkHost(): boolean {
    const host = this.#authority ?? this.#host
    if (host === null || !VISIBLE.test(host)) return this.#refuse('badHost', host ?? '')
    if (this.#host !== null && this.#host.toLowerCase() !== host.toLowerCase()) {
      return this.#refuse('badHost', `${host} ${this.#host}`)
    }
    return true
  }

  #write(isWhole: boolean): boolean {
    const cookieLine = this.#cookies === '' ? '' : `cookie: ${this.#cookies}\r\n`
    const lines = `host: ${this.#authority ?? this.#host}\r\n${this.#lines}${cookieLine}`
    if (this.#protocol !== null) return this.#writeUpgrade(lines, isWhole)
    this.text = `${this.#method} ${this.#path} HTTP/1.1\r\n${lines}${this.#framingLine(isWhole)}\r\n`
    return true
  }

  #framingLine(isWhole: boolean): string {
    if (this.#hasLength) return ''
    if (!isWhole) return 'transfer-encoding: chunked\r\n'
    return WITH_CONTENT.has(this.#method!) ? 'content-length: 0\r\n' : ''
  }

  /** An extended CONNECT (RFC 8441 section 5) to WebSocket; there are no other protocols that we switch to. */
  #writeUpgrade(lines: string, isWhole: boolean): boolean {
    if (this.#method !== 'CONNECT' || isWhole || this.#hasLength) {
      return this.#refuse('malformed', ':protocol')
    }
    if (this.#protocol !== 'websocket') return this.#refuse('methodRefused', this.#protocol!)
    this.text =
      `GET ${this.#path} HTTP/1.1\r\n${lines}connection: upgrade\r\nupgrade: websocket\r\n` +
      `sec-websocket-key: ${randomBytes(16).toString('base64')}\r\n\r\n`
    return true
  }
}

/** Returns the field lines of a trailer section, or null where it is not fit to be passed on. */
export function trailerText(raw: readonly string[]): string | null {
  let lines = ''
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i]!
    const value = raw[i + 1]!
    if (!NAME.test(name) || VALUE_FAULT.test(value)) return null
    lines += `${name}: ${value}\r\n`
  }
  return lines
}
