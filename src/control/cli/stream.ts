/**
 * Server-sent events (HTML Living Standard, section 9.2.6), as much of them as the admin API sends: id and data.
 */

import { CommandError, EXIT } from './exit.ts'

export interface Message {
  /** Empty when the stream named none. */
  readonly id: string
  readonly data: string
}

/** A longer event would be no event of ours, and would fill the memory. */
const MAX_EVENT_CHARS = 1_000_000

/** The messages of a stream, each as soon as it is whole. Comments and messages without data are left out. */
export async function* messagesOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Message> {
  const decoder = new TextDecoder()
  let pending = ''
  for await (const chunk of chunks) {
    pending = (pending + decoder.decode(chunk, { stream: true })).replaceAll('\r\n', '\n')
    for (let end = pending.indexOf('\n\n'); end !== -1; end = pending.indexOf('\n\n')) {
      const message = parseMessage(pending.slice(0, end))
      pending = pending.slice(end + 2)
      if (message.data !== '') yield message
    }
    if (pending.length > MAX_EVENT_CHARS) {
      throw new CommandError(EXIT.failure, 'the stream of events has no end of event')
    }
  }
}

function parseMessage(block: string): Message {
  let id = ''
  const data: string[] = []
  for (const line of block.split('\n')) {
    const colon = line.indexOf(':')
    const name = colon === -1 ? line : line.slice(0, colon)
    const value = line.slice(colon + 1).replace(/^ /, '')
    if (name === 'id') id = value
    if (name === 'data') data.push(value)
  }
  return { id, data: data.join('\n') }
}
