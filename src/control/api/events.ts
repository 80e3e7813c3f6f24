/** The journal over HTTP: in pages by cursor, and as a live stream. */

import { z } from 'zod'
import { CodedError } from '../coded-error.ts'
import { answers } from './answers.ts'
import type { Api } from './api.ts'
import type { ApiDeps } from './deps.ts'
import { viewEvent, viewEventDetail } from './event-view.ts'
import { EventDetail, EventList } from './schema.ts'
import type { EventStreams } from './stream.ts'

const after = z.coerce.number().int().min(0)
const rollout = z.string().min(1).optional().meta({ description: 'Only events of this rollout' })

const PageQuery = z.strictObject({
  after: after
    .default(0)
    .meta({ description: 'Sequence number of the last event that is known; 0: from the first' }),
  limit: z.coerce.number().int().min(1).max(1000).default(100),
  rollout,
})

const StreamQuery = z.strictObject({
  after: after
    .optional()
    .meta({ description: 'As Last-Event-ID, which goes before it; left out: from now on' }),
  rollout,
})

export function eventRoutes(
  app: Api,
  { store }: Pick<ApiDeps, 'store'>,
  streams: EventStreams,
): void {
  app.get(
    '/v1/events',
    {
      config: { role: 'viewer' },
      schema: {
        tags: ['events'],
        summary: 'List events, oldest first',
        description: 'The next page begins after the `seq` of the last event of this one.',
        operationId: 'listEvents',
        querystring: PageQuery,
        response: answers(
          [{ status: 200, description: 'One page', schema: EventList }],
          ['invalidRequest', 'storeUnavailable'],
        ),
      },
    },
    (request) => readPage(store, request.query),
  )

  app.get(
    '/v1/events/:seq',
    {
      config: { role: 'viewer' },
      schema: {
        tags: ['events'],
        summary: 'Show an event, with what an alarm was decided by',
        operationId: 'getEvent',
        params: z.object({
          seq: z.coerce.number().int().min(1).meta({ description: 'Its sequence number' }),
        }),
        response: answers(
          [{ status: 200, description: 'The event', schema: EventDetail }],
          ['invalidRequest', 'notFound', 'storeUnavailable'],
        ),
      },
    },
    (request) => readOne(store, request.params.seq),
  )

  app.get(
    '/v1/events/stream',
    {
      config: { role: 'viewer' },
      exposeHeadRoute: false,
      schema: {
        tags: ['events'],
        summary: 'Follow events as they happen',
        description:
          'Server-sent events: `id` is the sequence number, `event` the type, `data` an Event. With Last-Event-ID the journal is replayed from there, without gap or duplicate.',
        operationId: 'streamEvents',
        querystring: StreamQuery,
        headers: z.looseObject({
          'last-event-id': z
            .string()
            .optional()
            .meta({ description: 'Sequence number of the last event that is known' }),
        }),
        response: answers(
          [
            {
              status: 200,
              description: 'The stream',
              schema: z.string(),
              contentType: 'text/event-stream',
            },
          ],
          ['invalidRequest', 'tooManyStreams'],
        ),
      },
    },
    (request, reply) => {
      const { after: asked, rollout: id } = request.query
      const seen = readEventId(request.headers['last-event-id'])
      streams.admit()
      reply.hijack()
      void streams.run(reply.raw, { after: seen ?? asked, rollout: id })
    },
  )
}

async function readPage(
  store: ApiDeps['store'],
  { after: seen, limit, rollout: id }: z.output<typeof PageQuery>,
): Promise<z.output<typeof EventList>> {
  const query = { after: seen, limit, ...(id !== undefined && { rollout: id }) }
  const entries = await store.journal(query)
  return { events: entries.map(viewEvent), last: await store.lastSeq() }
}

async function readOne(store: ApiDeps['store'], seq: number): Promise<EventDetail> {
  const [entry] = await store.journal({ after: seq - 1, limit: 1 })
  if (entry?.seq === seq) return viewEventDetail(entry)
  const last = await store.lastSeq()
  throw new CodedError('notFound', `There is no event ${seq}; the newest is ${last}`)
}

/** Empty is what a browser sends that has no id yet. */
function readEventId(field: string | undefined): number | undefined {
  if (field === undefined || field === '') return undefined
  if (/^\d{1,15}$/.test(field)) return Number(field)
  throw new CodedError(
    'malformedRequest',
    `Last-Event-ID must be the sequence number of an event, but is ${JSON.stringify(field)}`,
  )
}
