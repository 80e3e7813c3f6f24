/**
 * Holds two readings of one stream against each other.
 *
 * Where we take something for a message, llhttp has to take it for the same one: first line, fields, body, trailers
 * and end. Where it reads on and we do not, we have to have refused, for a reason that is found again in what llhttp
 * read. When each of them gives up is no difference, as long as nothing was read: we may look at a line when
 * it is whole, and llhttp at each byte.
 */

import { compareTrailers, connectionOptions } from './compare-heads.ts'
import type { Message, Reading } from './reading.ts'
import { isLast, type Refused } from './reasons.ts'

/** What is particular to requests, or to answers. */
export interface Rules {
  /** Returns what differs, or null. */
  compareHeads(our: Message, their: Message): string | null
  /** Returns why we refuse what llhttp reads, or null where no known reason is found. */
  whyRefused(fault: string, refused: Refused): string | null
}

export type Verdict =
  | { readonly isSame: true; readonly share: string }
  | { readonly isSame: false; readonly what: string }

export function compare(ours: Reading, theirs: Reading, text: string, rules: Rules): Verdict {
  for (let i = 0; ; i++) {
    const our = ours.messages[i]
    const their = theirs.messages[i]
    if (our === undefined && their === undefined) return settled(ours, theirs)
    if (our === undefined && ours.isDone) {
      return isLast(theirs.messages[i - 1]!) ? same('closed by us') : different('we stop')
    }
    if (our === undefined) return stopped(ours, their!, text, rules)
    if (their === undefined) return unread(theirs)

    const what = compareMessages(our, their, rules)
    if (what !== null) return different(what)
    if (our.isUpgrade) return same('read by both, to an upgrade')
    if (our.isWhole && their.isWhole) continue
    if (their.isWhole) return stopped(ours, their, text, rules)
    if (our.isWhole) return different('we see an end that llhttp does not')
    const isUnderWay = ours.fault === null && theirs.fault === null
    if (isUnderWay && our.body !== their.body) return different('what has come of a body')
    return settled(ours, theirs)
  }
}

/** Both have read the same messages, and no other. */
function settled(ours: Reading, theirs: Reading): Verdict {
  if (ours.fault === null) {
    return same(theirs.fault === null || ours.isDone ? 'read by both' : 'refused by llhttp at once')
  }
  return same(theirs.fault === null ? 'refused by us at once' : 'refused by both')
}

/** llhttp has read more than we have. */
function stopped(ours: Reading, their: Message, text: string, rules: Rules): Verdict {
  if (ours.fault === null) return different('we wait where llhttp does not')
  const reason = rules.whyRefused(ours.fault, { their, rest: text.slice(ours.stoppedAt) })
  return reason === null ? different(`no reason for ${ours.fault}`) : same(`refused: ${reason}`)
}

/**
 * We have read a message that llhttp has not. There is one reason for that: it takes Proxy-Connection, in the head or in
 * the trailers, for Connection, and nothing that follows for a message. That field is no standard's, and we leave it out.
 */
function unread({ messages, fault }: Reading): Verdict {
  const last = messages.at(-1)
  if (fault === 'HPE_CLOSED_CONNECTION' && last !== undefined) {
    const options = connectionOptions([...last.fields, ...last.trailers], 'proxy-connection')
    if (options.has('close')) return same('closed by llhttp: Proxy-Connection')
  }
  return different('we read a message that llhttp does not')
}

function compareMessages(our: Message, their: Message, rules: Rules): string | null {
  if (our.version !== their.version) return 'the version'
  const what = rules.compareHeads(our, their)
  if (what !== null) return what
  if (our.isWhole && their.isWhole) {
    return our.body === their.body ? compareTrailers(our.trailers, their.trailers) : 'the body'
  }
  // Where one of them has stopped within a body, it has read less of the same.
  const isPart = their.body.startsWith(our.body) || our.body.startsWith(their.body)
  return isPart ? null : 'the beginning of a body'
}

function same(share: string): Verdict {
  return { isSame: true, share }
}

function different(what: string): Verdict {
  return { isSame: false, what }
}
