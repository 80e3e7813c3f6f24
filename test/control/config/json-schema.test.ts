import { globSync, readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isDeepStrictEqual } from 'node:util'
import { expect, test } from 'vitest'
import { loadConfig } from '../../../src/control/config/load.ts'
import { configJsonSchema, SCHEMA_FILE } from '../../../src/control/config/write-schema.ts'

interface Node {
  readonly description?: string
  readonly required?: readonly string[]
  readonly type?: string
  readonly properties?: Readonly<Record<string, Node>>
  readonly additionalProperties?: Node | false
  readonly items?: Node
  readonly anyOf?: readonly Node[]
}

const schema: Node = JSON.parse(readFileSync(SCHEMA_FILE, 'utf8'))

/** Every node with the path that leads to it. */
function* nodes(node: Node, path = ''): Generator<readonly [string, Node]> {
  yield [path, node]
  for (const [key, child] of Object.entries(node.properties ?? {}))
    yield* nodes(child, `${path}.${key}`)
  for (const child of node.anyOf ?? []) yield* nodes(child, path)
  if (node.items !== undefined) yield* nodes(node.items, `${path}[]`)
  if (typeof node.additionalProperties === 'object')
    yield* nodes(node.additionalProperties, `${path}.*`)
}

test('the schema that is shipped is made from the code: if not, run `npm run schema` and `npm run format`', () => {
  expect(schema).toEqual(configJsonSchema())
})

test('every key of the configuration is described', () => {
  const silent = [...nodes(schema)].flatMap(([path, { properties = {} }]) =>
    Object.entries(properties)
      .filter(([, { description = '' }]) => description === '')
      .map(([key]) => `${path}.${key}`),
  )
  expect(silent).toEqual([])
})

test('no map of the configuration takes unknown keys', () => {
  const open = [...nodes(schema)]
    .filter(
      ([, { properties, additionalProperties }]) =>
        properties !== undefined && additionalProperties !== false,
    )
    .map(([path]) => path)
  expect(open).toEqual([])
})

test('what has no default is required, and nothing else', () => {
  expect(schema.required).toEqual(['version', 'proxy', 'upstreams', 'routes'])
})

test('every number may also be a reference to the environment', () => {
  const numbers = [...nodes(schema)].filter(([, { anyOf = [] }]) =>
    anyOf.some(({ type }) => type === 'integer'),
  )
  expect(numbers.length).toBeGreaterThan(8)
  const reference = { type: 'string', pattern: String.raw`\$\{` }
  const closed = numbers.filter(([, { anyOf }]) => !isDeepStrictEqual(anyOf?.at(-1), reference))
  expect(closed).toEqual([])
})

test.for(globSync('examples/*.yaml'))('%s has no faults and names its schema', (file) => {
  expect(loadConfig(file, {}).routes.length).toBeGreaterThan(0)
  const [, reference = ''] =
    /^# yaml-language-server: \$schema=(.+)\n/.exec(readFileSync(file, 'utf8')) ?? []
  expect(resolve(dirname(file), reference)).toBe(fileURLToPath(SCHEMA_FILE))
})

test('the demo takes its ports and its store from the environment', () => {
  const config = loadConfig('examples/demo.yaml', {
    SLUICE_DEMO_PORT: '1',
    SLUICE_DEMO_ADMIN_PORT: '2',
    SLUICE_DEMO_STABLE_PORT: '3',
    SLUICE_DEMO_CANARY_PORT: '4',
    SLUICE_DEMO_STORE: '/somewhere/demo.db',
  })
  expect(config.proxy.listeners).toMatchObject([{ port: 1 }])
  expect(config.control.port).toBe(2)
  expect([...config.upstreams.values()].map(({ endpoints }) => endpoints[0]?.port)).toEqual([3, 4])
  expect(config.store.path).toBe('/somewhere/demo.db')
})
