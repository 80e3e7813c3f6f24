/** What a reader makes of a stream, in the same terms whoever reads it. */

/** Name and value in turn, as they stand there, without the blanks around the value. */
export type FieldList = readonly string[]

export interface Message {
  /** `METHOD target` of a request, or `200 reason` of an answer, as it stands in the first line. */
  readonly start: string
  /** Of a request, as we take it; empty otherwise. */
  readonly host: string
  /** The minor version where the major one is 1, otherwise both: `0.9`. */
  readonly version: string
  readonly fields: FieldList
  /** Of ours: the field lines that we send on. */
  readonly lines: string
  body: string
  trailers: FieldList
  /** Whether its end was seen. */
  isWhole: boolean
  /** Whether nothing behind it is taken for a message. */
  readonly isLast: boolean
  /** Whether what comes behind it is of another protocol. */
  readonly isUpgrade: boolean
}

export interface Reading {
  readonly messages: Message[]
  /** What stopped the reader; null when it wants more, or needs none. */
  fault: string | null
  /** Where the head or the body begins in which it was stopped. */
  stoppedAt: number
  /** It has read its last message to the end. */
  isDone: boolean
}

export function emptyReading(): Reading {
  return { messages: [], fault: null, stoppedAt: 0, isDone: false }
}

/** Takes field lines apart, each with its line end. */
export function fieldsOf(lines: string): FieldList {
  const fields: string[] = []
  for (let at = 0; at < lines.length;) {
    const end = lines.indexOf('\r\n', at)
    const colon = lines.indexOf(':', at)
    fields.push(lines.slice(at, colon), withoutBlanks(lines.slice(colon + 1, end)))
    at = end + 2
  }
  return fields
}

/** Not `trim`, which takes a no-break space for a blank. */
export function withoutBlanks(text: string): string {
  let start = 0
  let end = text.length
  while (start < end && isBlank(text[start]!)) start++
  while (end > start && isBlank(text[end - 1]!)) end--
  return text.slice(start, end)
}

function isBlank(char: string): boolean {
  return char === ' ' || char === '\t'
}
