/**
 * `/openapi.json`: OpenAPI 3.1 out of the routes' zod schemas, by @fastify/swagger.
 *
 * The type provider emits each named schema twice, as it comes in (`…Input`) and as it goes out,
 * needed or not; what no route points to is taken out again. It also marks every body as required;
 * a route whose body may be left out says so with `x-body-optional`.
 */

import type { SwaggerOptions } from '@fastify/swagger'
import {
  createJsonSchemaTransform,
  createJsonSchemaTransformObject,
} from 'fastify-type-provider-zod'
import { z } from 'zod'

type JsonObject = Record<string, unknown>

/** Marks an operation whose body may be left out. */
export const BODY_OPTIONAL = 'x-body-optional'

const SCHEMAS = '#/components/schemas/'

const zodToJsonConfig = { override: plain }

const toDocument = createJsonSchemaTransformObject({ zodToJsonConfig })

export const SWAGGER: SwaggerOptions = {
  openapi: {
    openapi: '3.1.0',
    info: {
      title: 'Sluice admin API',
      version: '1.0.0',
      description:
        'Starts, watches and ends rollouts. Changes may carry `If-Match` with the ETag (the generation of the rollout) and, on POST, an `Idempotency-Key`; an abort needs and heeds neither. Errors are problem documents (RFC 9457).',
    },
    components: { securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } } },
    security: [{ bearer: [] }],
    tags: [
      { name: 'rollouts', description: 'Start, watch, advance, take back' },
      { name: 'routes', description: 'Where traffic goes, and how it fares' },
      { name: 'upstreams', description: 'Endpoints, and how they fare' },
      { name: 'flags', description: 'Flags that Sluice keeps, and providers of others' },
      { name: 'ofrep', description: 'OpenFeature Remote Evaluation Protocol' },
      { name: 'events', description: 'The journal' },
      { name: 'health', description: 'Probes, metrics and this document' },
    ],
  },
  transform: createJsonSchemaTransform({ zodToJsonConfig }),
  transformObject: (input) => tidy({ ...toDocument(input) }),
}

/**
 * Whole numbers without the bounds of a double, objects that may grow; strict ones keep their
 * `false`.
 */
function plain({
  zodSchema,
  jsonSchema,
}: {
  zodSchema: z.core.$ZodType
  jsonSchema: z.core.JSONSchema.BaseSchema
}): void {
  if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum
  if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum
  // The pattern says nothing that the format does not, in 300 characters.
  if (jsonSchema.format === 'date-time') delete jsonSchema.pattern
  if (zodSchema instanceof z.ZodObject && zodSchema.def.catchall === undefined) {
    delete jsonSchema.additionalProperties
  }
}

function tidy(document: JsonObject): JsonObject {
  const paths = mapValues(document['paths'], (item) => mapValues(item, withBody))
  const components = membersOf(document['components'])
  const schemas = membersOf(components['schemas'])
  const used = reachable(paths, schemas)
  return {
    ...document,
    paths,
    components: {
      ...components,
      schemas: Object.fromEntries(Object.entries(schemas).filter(([name]) => used.has(name))),
    },
  }
}

function withBody(operation: unknown): JsonObject {
  const { [BODY_OPTIONAL]: isOptional, ...rest } = membersOf(operation)
  if (isOptional !== true) return rest
  return { ...rest, requestBody: { ...membersOf(rest['requestBody']), required: false } }
}

function membersOf(value: unknown): JsonObject {
  return typeof value === 'object' && value !== null ? { ...value } : {}
}

function mapValues(value: unknown, change: (child: unknown) => unknown): JsonObject {
  return Object.fromEntries(
    Object.entries(membersOf(value)).map(([key, child]) => [key, change(child)]),
  )
}

/** The names of the schemas that `from` refers to, directly or through other schemas. */
function reachable(from: unknown, schemas: JsonObject): ReadonlySet<string> {
  const names = new Set<string>()
  const visit = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return
    for (const [key, child] of Object.entries(value)) {
      if (key !== '$ref' || typeof child !== 'string' || !child.startsWith(SCHEMAS)) {
        visit(child)
        continue
      }
      const name = child.slice(SCHEMAS.length)
      if (names.has(name)) continue
      names.add(name)
      visit(schemas[name])
    }
  }
  visit(from)
  return names
}
