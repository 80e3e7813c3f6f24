/** Any service that answers JSON over HTTP; a JSONPath says which part of it is the metric. */

import type { JsonValue } from 'jsonpath-rfc9535'
import { ProviderError, quoteTheirs } from './failure.ts'
import type { HttpClient, Question } from './http.ts'
import { type JsonPath, findIn } from './jsonpath.ts'
import type { MetricSource } from './source.ts'

export interface JsonQuestion extends Question {
  /** Null: the whole answer is the result. */
  readonly path: JsonPath | null
}

/** Any status from 200 to 299 is an answer. */
export function jsonSource(client: HttpClient, { path, ...question }: JsonQuestion): MetricSource {
  return async (_nowMs, signal) => {
    const { status, text } = await client.ask(question, signal)
    if (status < 200 || status > 299) {
      throw new ProviderError(`it answered ${status}: ${quoteTheirs(text)}`, 'status')
    }
    const document = parse(text)
    return path === null ? document : findIn(document, path)
  }
}

function parse(text: string): JsonValue {
  try {
    const document: JsonValue = JSON.parse(text)
    return document
  } catch {
    throw new ProviderError(`the answer is no JSON: ${quoteTheirs(text)}`)
  }
}
