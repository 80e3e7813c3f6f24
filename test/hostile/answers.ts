/** Reads what a client got over HTTP/1.1, as far as it came. */

export interface ClientAnswers {
  /** Of all final answers in order. */
  readonly statuses: number[]
  /** Of the last one. */
  readonly head: string
  readonly body: string
  /** Whether every answer that began is whole. */
  readonly isComplete: boolean
}

/** `method`: of the requests; `isEnded`: whether the proxy ended the connection without a reset. */
export function readAnswers(
  text: string,
  options: { readonly method: string; readonly isEnded: boolean },
): ClientAnswers {
  const statuses: number[] = []
  let head = ''
  let body = ''
  let rest = text
  while (rest !== '') {
    const match = /^(HTTP\/1\.1 (\d{3}) .*?\r\n)\r\n/s.exec(rest)
    if (match === null) return { statuses, head, body, isComplete: false }
    rest = rest.slice(match[0].length)
    const status = Number(match[2])
    if (status < 200 && status !== 101) continue
    statuses.push(status)
    head = match[1]!
    const found = readBodyText(rest, { head, status, ...options })
    body = found.body
    if (!found.isComplete) return { statuses, head, body, isComplete: false }
    rest = rest.slice(found.length)
  }
  return { statuses, head, body, isComplete: true }
}

interface BodyText {
  readonly body: string
  readonly length: number
  readonly isComplete: boolean
}

function readBodyText(
  text: string,
  of: { head: string; status: number; method: string; isEnded: boolean },
): BodyText {
  if (of.method === 'HEAD' || of.status === 204 || of.status === 304) {
    return { body: '', length: 0, isComplete: true }
  }
  const length = /^content-length: (\d+)\r$/im.exec(of.head)
  if (length !== null) {
    const body = text.slice(0, Number(length[1]))
    return { body, length: body.length, isComplete: body.length === Number(length[1]) }
  }
  if (!/^transfer-encoding: chunked\r$/im.test(of.head)) {
    return { body: text, length: text.length, isComplete: of.isEnded }
  }
  return readChunks(text)
}

function readChunks(text: string): BodyText {
  let body = ''
  for (let at = 0; ;) {
    const size = /^([0-9a-f]+)\r\n/.exec(text.slice(at, at + 20))
    if (size === null) return { body, length: at, isComplete: false }
    const start = at + size[0].length
    const byteCount = Number.parseInt(size[1]!, 16)
    if (byteCount === 0) {
      const trailers = /^(?:[^\r\n]+\r\n)*\r\n/.exec(text.slice(start))
      return {
        body,
        length: start + (trailers?.[0].length ?? 0),
        isComplete: trailers !== null,
      }
    }
    body += text.slice(start, start + byteCount)
    at = start + byteCount + 2
  }
}
