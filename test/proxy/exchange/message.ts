/** HTTP/1.1 messages as RFC 9112 frames them, read by the letter: anything else throws `NotHttp`. */

import { NotHttp, type SocketReader } from './reader.ts'

/** The name in lower case. */
export type Field = readonly [name: string, value: string]

export interface Head {
  readonly startLine: string
  readonly fields: readonly Field[]
  /** Start line and fields as they came, with their line ends. */
  readonly text: string
}

export type Framing =
  | { readonly kind: 'none' }
  | { readonly kind: 'length'; readonly byteCount: number }
  | { readonly kind: 'chunked' }
  | { readonly kind: 'untilClose' }

const FIELD = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([\t\x20-\x7e\x80-\xff]*?)[ \t]*$/
const CHUNK_SIZE = /^[0-9a-fA-F]{1,8}$/

/** Resolves with null when the peer ends before the first byte. */
export async function readHead(reader: SocketReader): Promise<Head | null> {
  const startLine = await reader.line()
  if (startLine === null) return null
  const fields: Field[] = []
  let text = `${startLine}\r\n`
  for (;;) {
    const line = await reader.lineOf('a head')
    if (line === '') return { startLine, fields, text }
    fields.push(fieldIn(line))
    text += `${line}\r\n`
  }
}

function fieldIn(line: string): Field {
  const match = FIELD.exec(line)
  if (match === null) throw new NotHttp(`not a field: ${JSON.stringify(line)}`)
  return [match[1]!.toLowerCase(), match[2]!]
}

/** All values of a field, by lower-case name. */
export function valuesOf(head: Head, name: string): string[] {
  return head.fields.filter((field) => field[0] === name).map((field) => field[1])
}

/** The one value of a field, or undefined; throws when there are several. */
export function valueOf(head: Head, name: string): string | undefined {
  const values = valuesOf(head, name)
  if (values.length > 1) throw new NotHttp(`${values.length} fields ${name}`)
  return values[0]
}

/** How the body of a message is framed that has one; `otherwise` without a word about it. */
export function framingOf(head: Head, otherwise: Framing): Framing {
  const coding = valueOf(head, 'transfer-encoding')
  const length = valueOf(head, 'content-length')
  if (coding !== undefined) {
    if (length !== undefined) throw new NotHttp('Transfer-Encoding and Content-Length')
    if (coding !== 'chunked') throw new NotHttp(`Transfer-Encoding: ${coding}`)
    return { kind: 'chunked' }
  }
  if (length === undefined) return otherwise
  if (!/^\d{1,15}$/.test(length)) throw new NotHttp(`Content-Length: ${length}`)
  return { kind: 'length', byteCount: Number(length) }
}

/** Hands over the pieces of a body; resolves with its trailers when it is whole. */
export async function readBody(
  reader: SocketReader,
  framing: Framing,
  onPiece: (bytes: Buffer) => void,
): Promise<readonly Field[]> {
  switch (framing.kind) {
    case 'none':
      return []
    case 'length':
      await readPieces(reader, framing.byteCount, onPiece)
      return []
    case 'chunked':
      return readChunks(reader, onPiece)
    case 'untilClose':
      onPiece(await reader.toEnd())
      return []
  }
}

const PIECE_BYTES = 64 * 1024

async function readPieces(
  reader: SocketReader,
  byteCount: number,
  onPiece: (bytes: Buffer) => void,
): Promise<void> {
  for (let left = byteCount; left > 0; left -= PIECE_BYTES) {
    onPiece(await reader.take(Math.min(left, PIECE_BYTES)))
  }
}

async function readChunks(
  reader: SocketReader,
  onPiece: (bytes: Buffer) => void,
): Promise<readonly Field[]> {
  for (;;) {
    const size = await reader.lineOf('a body')
    if (!CHUNK_SIZE.test(size)) throw new NotHttp(`not a chunk size: ${JSON.stringify(size)}`)
    if (Number.parseInt(size, 16) === 0) break
    await readPieces(reader, Number.parseInt(size, 16), onPiece)
    if ((await reader.lineOf('a body')) !== '') throw new NotHttp('a chunk is longer than its size')
  }
  const trailers: Field[] = []
  for (;;) {
    const line = await reader.lineOf('a body')
    if (line === '') return trailers
    trailers.push(fieldIn(line))
  }
}
