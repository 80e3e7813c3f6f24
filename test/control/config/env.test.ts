import { expect, test } from 'vitest'
import { expand } from '../../../src/control/config/env.ts'
import { configOf, faultLines, sample } from './sample.ts'

const ENV = { HOST: 'shop.internal', EMPTY: '', NESTED: '${HOST}', PORT: '8443' }

test.for([
  { text: 'plain', expanded: 'plain' },
  { text: '${HOST}', expanded: 'shop.internal' },
  { text: 'http://${HOST}:${PORT}', expanded: 'http://shop.internal:8443' },
  { text: '${UNSET:-fallback}', expanded: 'fallback' },
  { text: '${UNSET:-}', expanded: '' },
  { text: '${EMPTY}', expanded: '' },
  { text: '${EMPTY:-fallback}', expanded: 'fallback' },
  { text: '${HOST:-fallback}', expanded: 'shop.internal' },
  { text: '${UNSET:-a:-b}', expanded: 'a:-b' },
  { text: '$${HOST}', expanded: '${HOST}' },
  { text: '$${HOST} ${HOST}', expanded: '${HOST} shop.internal' },
  { text: '$HOST $$ $ }', expanded: '$HOST $$ $ }' },
  { text: '${NESTED}', expanded: '${HOST}' },
])('$text becomes $expanded', ({ text, expanded }) => {
  expect(expand(text, ENV)).toEqual({ text: expanded, wrong: null })
})

test.for([
  {
    text: '${UNSET}',
    wrong: ['the environment variable UNSET is not set; set it or write ${UNSET:-default}'],
  },
  {
    text: '${A}${B}',
    wrong: [
      'the environment variable A is not set; set it or write ${A:-default}',
      'the environment variable B is not set; set it or write ${B:-default}',
    ],
  },
  {
    text: '${HOST',
    wrong: [
      '"${HOST" is not a reference; write ${NAME}, ${NAME:-default}, or $${ for a literal ${',
    ],
  },
  {
    text: '${1X}',
    wrong: ['"${1X}" is not a reference; write ${NAME}, ${NAME:-default}, or $${ for a literal ${'],
  },
  {
    text: '${A:-${B}}',
    wrong: [
      '"${A:-${B}" is not a reference; write ${NAME}, ${NAME:-default}, or $${ for a literal ${',
    ],
  },
])('$text is refused', ({ text, wrong }) => {
  expect(expand(text, ENV)).toEqual({ text: null, wrong })
})

test('numbers, sizes, durations and switches may come from the environment, quoted or not', () => {
  const text = sample({
    proxy: `proxy:
  listeners: [{ name: public, host: "\${HOST}", port: "\${PORT}" }]
  threads: \${THREADS:-3}
  limits: { head: "\${HEAD}", headerCount: "\${COUNT}" }
  drainTimeout: \${DRAIN}`,
    routes: `routes:
  - name: \${ROUTE}
    stable: a
    sticky: { cookie: c, mint: "\${MINT}" }`,
  })
  const env = {
    HOST: '::1',
    PORT: '8443',
    HEAD: '8KiB',
    COUNT: '50',
    DRAIN: '5s',
    ROUTE: '7',
    MINT: 'true',
  }
  const config = configOf(text, env)
  expect(config.proxy).toMatchObject({
    listeners: [{ name: 'public', host: '::1', port: 8443 }],
    threads: 3,
    limits: { headBytes: 8192, headerCount: 50 },
    drainTimeoutMs: 5000,
  })
  expect(config.routes[0]).toMatchObject({ name: '7', sticky: [{ kind: 'cookie', mint: true }] })
})

test('what a variable holds cannot change the shape of the file', () => {
  const text = sample({ routes: 'routes: [{ name: "${ROUTE}", stable: a }]' })
  const [fault, ...more] = faultLines(text, { ROUTE: 'x", stable: b, name: "y\nversion: 2' })
  expect(fault).toContain(
    'f:4:18 routes[0].name: "x", stable: b, name: "y\\nversion: 2" is not a name',
  )
  expect(more).toEqual([])
})

test('keys are not replaced', () => {
  const text = sample({ upstreams: "upstreams: { '${UP}': { endpoints: ['http://h'] } }" })
  expect(faultLines(text, { UP: 'a' })).toEqual([
    'f:3:14 upstreams: "${UP}" is not a name; use 1 to 63 of a-z, 0-9, ".", "_" and "-", the first a letter or digit',
    'f:4:32 routes[0].stable: there is no upstream "a"; possible: ${UP}',
  ])
})

test('an unset variable is the only fault of its value', () => {
  const text = sample({ routes: 'routes: [{ name: "${NAME}", stable: "${STABLE}" }]' })
  expect(faultLines(text)).toEqual([
    'f:4:18 routes[0].name: the environment variable NAME is not set; set it or write ${NAME:-default}',
    'f:4:37 routes[0].stable: the environment variable STABLE is not set; set it or write ${STABLE:-default}',
  ])
})

test('a variable is replaced before it is checked', () => {
  const text = sample({ proxy: 'proxy: { listeners: [{ name: p, host: ::1, port: "${PORT}" }] }' })
  expect(faultLines(text, { PORT: 'http' })).toEqual([
    'f:2:50 proxy.listeners[0].port: must be a whole number, but is "http"',
  ])
})
