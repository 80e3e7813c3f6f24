/**
 * `events`: the journal, as far as it has got and as it goes on.
 */

import { setTimeout as sleep } from 'node:timers/promises'
import type { AdminClient } from './client.ts'
import type { Command, Given } from './command.ts'
import type { Context } from './context.ts'
import { say } from './context.ts'
import { CommandError, EXIT } from './exit.ts'
import { clock } from './format.ts'
import { COUNT, named } from './kinds.ts'
import { messagesOf } from './stream.ts'
import { table } from './table.ts'
import type { EventView } from '../api/schema.ts'

/** Events a page; the server may give fewer. */
const PAGE = 500
const RECONNECT_MS = 1_000

export const EVENTS: Command = {
  name: 'events',
  summary: 'Print the journal: who did what, when and why',
  details: [
    'Without --after: the last events. With --output json each event is one line.',
    '--follow goes on until it is interrupted; when the server was away, it takes up where it was.',
  ],
  examples: ['sluice events --follow --rollout shop-3'],
  arguments: [],
  options: [
    { name: 'follow', summary: 'go on as events come' },
    { name: 'after', kind: COUNT, summary: 'only events with a greater sequence number' },
    { name: 'rollout', kind: named('ID'), summary: 'only events of this rollout' },
    { name: 'limit', kind: COUNT, default: '50', summary: 'without --after: how many' },
  ],
  run: async (given, context) => {
    const client = context.client()
    const { events, last } = await backlog(client, given)
    show(context, events, { isFirst: true })
    if (given.isOn('follow')) await followEvents(given, context, last)
    return context.interrupted.aborted ? EXIT.interrupted : EXIT.ok
  },
}

interface Backlog {
  readonly events: readonly EventView[]
  /** Where to go on. */
  readonly last: number
}

async function backlog(client: AdminClient, given: Given): Promise<Backlog> {
  const rollout = given.text('rollout')
  const filter = rollout === undefined ? {} : { rollout }
  const after = given.text('after')
  if (after !== undefined) return pagesAfter(client, Number(after), filter)

  const limit = Number(given.required('limit'))
  const { last } = await client.events({ after: 0, limit: 1, ...filter })
  // Only one rollout's events are few, and stand anywhere in the journal.
  const pages = await pagesAfter(client, rollout === undefined ? Math.max(0, last - limit) : 0, {
    ...filter,
  })
  return { ...pages, events: limit === 0 ? [] : pages.events.slice(-limit) }
}

async function pagesAfter(
  client: AdminClient,
  after: number,
  filter: { readonly rollout?: string },
): Promise<Backlog> {
  const events: EventView[] = []
  let next = after
  for (;;) {
    const page = await client.events({ after: next, limit: PAGE, ...filter })
    events.push(...page.events)
    const newest = page.events.at(-1)
    if (newest === undefined || newest.seq >= page.last) {
      return { events, last: Math.max(next, page.last) }
    }
    next = newest.seq
  }
}

async function followEvents(given: Given, context: Context, after: number): Promise<void> {
  const client = context.client()
  const rollout = given.text('rollout')
  let last = after
  let isAway = false
  while (!context.interrupted.aborted) {
    try {
      const response = await client.stream(
        { after: last, ...(rollout === undefined ? {} : { rollout }) },
        context.interrupted,
      )
      isAway = false
      for await (const message of messagesOf(response.body)) {
        const event: EventView = JSON.parse(message.data)
        last = event.seq
        show(context, [event], {})
      }
    } catch (error) {
      if (context.interrupted.aborted) return
      // A refusal will not mend by asking again.
      if (error instanceof CommandError && error.exitCode !== EXIT.failure) throw error
      if (!isAway) say(context, `The stream of events broke at ${last}; trying again`)
      isAway = true
    }
    await sleep(RECONNECT_MS, undefined, { signal: context.interrupted }).catch(() => {})
  }
}

const COLUMNS = [
  { title: 'SEQ', isNumber: true },
  { title: 'TIME' },
  { title: 'ROLLOUT' },
  { title: 'PHASE' },
  { title: 'ACTOR' },
  { title: 'WHAT' },
] as const

function show(
  context: Context,
  events: readonly EventView[],
  { isFirst = false }: { readonly isFirst?: boolean },
): void {
  if (context.format === 'json') {
    context.stdout.write(events.map((event) => `${JSON.stringify(event)}\n`).join(''))
    return
  }
  const lines = eventTable(events)
  context.stdout.write((isFirst ? lines : lines.slice(1)).map((line) => `${line}\n`).join(''))
}

/** Events as a table, oldest first. */
export function eventTable(events: readonly EventView[]): string[] {
  return table(
    COLUMNS,
    events.map((event) => [
      String(event.seq).padStart(4),
      clock(event.at),
      (event.rollout ?? event.route).padEnd(10),
      (event.phase ?? '-').padEnd(11),
      event.actor.padEnd(9),
      event.reason,
    ]),
  )
}
