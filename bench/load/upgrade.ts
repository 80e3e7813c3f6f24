/** How a WebSocket begins (RFC 6455 sections 4.1 and 4.2.2), for the load, the echo behind the proxies and the checks. */

import { createHash } from 'node:crypto'

/** The fields that ask for it; `key`: 16 bytes as base64. */
export function upgradeFields(key: string): Readonly<Record<string, string>> {
  return {
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': key,
  }
}

/** `Sec-WebSocket-Accept` of the answer to this key. */
export function acceptOf(key: string): string {
  return createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
}
