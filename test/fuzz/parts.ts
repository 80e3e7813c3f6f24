/** The two things that are read: requests by servers, answers by clients. What each is made of, and who reads it. */

import { ANSWER_RULES } from './answer-reasons.ts'
import { compare, type Rules, type Verdict } from './compare.ts'
import { type Input, pieces, randomCuts } from './input.ts'
import { mutate } from './mutate.ts'
import { openRequests } from './node-answers.ts'
import { nodeReadsRequests } from './node-requests.ts'
import { OurAnswers } from './our-answers.ts'
import { OurRequests } from './our-requests.ts'
import type { Random } from './random.ts'
import type { Reading } from './reading.ts'
import { REQUEST_RULES } from './request-reasons.ts'
import { randomRequests } from './request-text.ts'
import { ANSWERED_METHODS, randomAnswers } from './response-text.ts'
import { ANSWER_SEEDS, REQUEST_SEEDS } from './seeds.ts'
import { compareSentOn, sentOn, whole } from './sent-on.ts'

export type PartName = 'requests' | 'responses'

/** Reads an input in the pieces given. */
export type Reader = (input: Input, pieces: readonly Buffer[]) => Reading

/** One input, and what came of it. */
export interface Result {
  readonly verdict: Verdict
  readonly ours: Reading
  readonly theirs: Reading
}

export interface Part {
  readonly name: PartName
  /** Takes the same numbers from the same state, whatever came before. */
  makeInput(random: Random): Input
  /** One result an input; inputs do not reach into each other. */
  read(inputs: readonly Input[]): Promise<readonly Result[]>
}

/** Half of the inputs are left as they were made; one in eight comes from the hostile cases. */
export function requestsPart(weRead: Reader = requestReader()): Part {
  return {
    name: 'requests',
    makeInput(random) {
      const text = requestText(random)
      const isKept = random.oneIn(2)
      return finish(random, '', isKept ? text : mutate(random, text, () => requestText(random)))
    },
    read: (inputs) =>
      Promise.resolve(
        inputs.map((input) => {
          const parts = piecesOf(input)
          const readings = { ours: weRead(input, parts), theirs: nodeReadsRequests(parts) }
          return judge(input, readings, { weRead, rules: REQUEST_RULES, readSentOn })
        }),
      ),
  }
}

function requestText(random: Random): string {
  return random.oneIn(8) ? random.pick(REQUEST_SEEDS).text : randomRequests(random)
}

function readSentOn(ours: Reading): string | null {
  const sent = whole(ours)
  if (sent.length === 0) return null
  return compareSentOn(sent, nodeReadsRequests([Buffer.from(sentOn(sent, false), 'latin1')]))
}

export function answersPart(weRead: Reader = answerReader()): Part {
  return {
    name: 'responses',
    makeInput(random) {
      const { method, text } = answerText(random)
      const isKept = random.oneIn(2)
      const other = (): string => answerText(random).text
      return finish(random, method, isKept ? text : mutate(random, text, other))
    },
    async read(inputs) {
      // Each has two clients: for the answer, and for what we make of it.
      const clients = await openRequests(inputs.flatMap(({ method }) => [method, method]))
      return inputs.map((input, i) => {
        const parts = piecesOf(input)
        const theirs = clients[2 * i]!.read(parts, input.isEnded)
        const next = clients[2 * i + 1]!
        return judge(
          input,
          { ours: weRead(input, parts), theirs },
          { weRead, rules: ANSWER_RULES, readSentOn: (ours) => readAnswerSentOn(ours, next) },
        )
      })
    },
  }
}

function answerText(random: Random): { readonly method: string; readonly text: string } {
  if (random.oneIn(8)) return random.pick(ANSWER_SEEDS)
  return { method: random.pick(ANSWERED_METHODS), text: randomAnswers(random) }
}

function readAnswerSentOn(
  ours: Reading,
  next: { read(pieces: readonly Buffer[], isEnded: boolean): Reading },
): string | null {
  const sent = whole(ours)
  const bytes = Buffer.from(sentOn(sent, true), 'latin1')
  const isFinal = sent.at(-1)?.start.startsWith('1') === false
  const read = next.read([bytes], isFinal)
  return sent.length === 0 ? null : compareSentOn(sent, read)
}

export function requestReader(): Reader {
  const reader = new OurRequests()
  return (_input, parts) => reader.read(parts)
}

export function answerReader(): Reader {
  const reader = new OurAnswers()
  return ({ method, isEnded }, parts) => reader.read(method, parts, isEnded)
}

function finish(random: Random, method: string, text: string): Input {
  return { method, text, cuts: randomCuts(random, text), isEnded: !random.oneIn(4) }
}

export function piecesOf({ text, cuts }: Input): readonly Buffer[] {
  return pieces(Buffer.from(text, 'latin1'), cuts)
}

interface Judge {
  readonly weRead: Reader
  readonly rules: Rules
  /** What the next reader takes for something else. */
  readonly readSentOn: (ours: Reading) => string | null
}

function judge(
  input: Input,
  { ours, theirs }: { ours: Reading; theirs: Reading },
  { weRead, rules, readSentOn: readNext }: Judge,
): Result {
  const uncut = weRead(input, [Buffer.from(input.text, 'latin1')])
  const what = compareUncut(ours, uncut) ?? readNext(ours)
  if (what !== null) return { verdict: { isSame: false, what }, ours, theirs }
  return { verdict: compare(ours, theirs, input.text, rules), ours, theirs }
}

/** The cuts may delay a refusal, and nothing else. */
function compareUncut(ours: Reading, uncut: Reading): string | null {
  if (ours.messages.length !== uncut.messages.length) return 'cut: another number of messages'
  for (const [i, { start, lines, body, isWhole }] of ours.messages.entries()) {
    const other = uncut.messages[i]!
    const isSame = start === other.start && lines === other.lines && isWhole === other.isWhole
    if (!isSame || body !== other.body) return 'cut: another message'
  }
  return ours.fault !== null && uncut.fault === null ? 'cut: another end' : null
}
