/** Reads a stream of events as a client would. */

import { type Dispatcher, request } from 'undici'
import { onTestFinished } from 'vitest'

export interface Message {
  readonly id: number
  readonly type: string
  readonly data: any
}

export interface Reader {
  readonly status: number
  readonly headers: Dispatcher.ResponseData['headers']
  /** What has come so far, without comments. */
  readonly messages: Message[]
  readonly comments: string[]
  /** Resolves when the server has ended the stream or the connection. */
  readonly ended: Promise<void>
  close(): void
}

export async function readStream(
  url: string,
  path: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<Reader> {
  const response = await request(url + path, { headers: { ...headers } })
  const messages: Message[] = []
  const comments: string[] = []
  const close = (): void => void response.body.destroy()
  onTestFinished(close)

  const read = async (): Promise<void> => {
    let pending = ''
    for await (const chunk of response.body) {
      pending += String(chunk)
      const blocks = pending.split('\n\n')
      pending = blocks.pop() ?? ''
      for (const block of blocks) take(block)
    }
  }
  const take = (block: string): void => {
    if (block.startsWith(':')) comments.push(block)
    const fields = new Map(
      block.split('\n').map((line): [string, string] => {
        const colon = line.indexOf(': ')
        return [line.slice(0, colon), line.slice(colon + 2)]
      }),
    )
    const data = fields.get('data')
    if (data === undefined) return
    const type = fields.get('event') ?? ''
    messages.push({ id: Number(fields.get('id')), type, data: JSON.parse(data) as unknown })
  }
  return {
    status: response.statusCode,
    headers: response.headers,
    messages,
    comments,
    ended: read().catch(() => {}),
    close,
  }
}
