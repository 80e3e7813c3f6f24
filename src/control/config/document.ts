/**
 * From YAML text to plain values: syntax, double keys, aliases, references to the environment.
 *
 * The tree is walked here rather than by `Document.toJS`: one pass gives the values, their places and the faults
 * with their paths. A scalar with a reference becomes text; the schema reads numbers and switches from text.
 */

import {
  type Alias,
  type Document,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  type Scalar,
  type YAMLMap,
} from 'yaml'
import { type Environment, expand } from './env.ts'
import type { Fault, Path } from './fault.ts'
import { Places } from './places.ts'
import { quote } from './wording.ts'

/** A few aliases of aliases can stand for billions of values. */
const ALIAS_LIMIT = 100

/** The configuration has seven levels; the rest is room for mistakes that should be named. */
const DEPTH_LIMIT = 32

/** The faults that the parser words for programmers. */
const SYNTAX: Readonly<Record<string, string>> = {
  MULTIPLE_DOCS: 'begins a second YAML document; a configuration is one',
  NON_STRING_KEY: 'is not a key; keys are plain words',
  RESOURCE_EXHAUSTION: 'is nested too deeply to be a configuration',
  TAB_AS_INDENT: 'is indented with a tab; YAML takes spaces alone',
}

export interface ConfigDocument {
  /** Maps as plain objects; undefined when the YAML cannot be read at all. */
  readonly value: unknown
  readonly places: Places
  /** What is wrong with the file as YAML, and with its references. */
  readonly faults: readonly Fault[]
}

/** What the walk carries along. */
interface Walk {
  readonly document: Document.Parsed
  readonly env: Environment
  readonly places: Places
  readonly faults: Fault[]
  aliasCount: number
}

/** Reads a whole file. Never throws for what stands in it. */
export function readDocument(text: string, file: string, env: Environment): ConfigDocument {
  const lines = new LineCounter()
  const places = new Places(file, lines)
  const document = parse(text, lines)
  if (document === null) {
    const fault = places.faultAt(0, [], 'is nested too deeply to be a configuration')
    return { value: undefined, places, faults: [fault] }
  }
  const syntaxFaults = [...document.errors, ...document.warnings].map(({ pos, code, message }) =>
    places.faultAt(pos[0], [], SYNTAX[code] ?? `is not YAML: ${lowerFirst(message)}`),
  )
  if (syntaxFaults.length > 0) return { value: undefined, places, faults: oneALine(syntaxFaults) }
  const walk: Walk = { document, env, places, faults: [], aliasCount: 0 }
  const value = read(walk, document.contents, [], 0)
  return { value, places, faults: walk.faults }
}

/** Null when the nesting exhausts the stack. */
function parse(text: string, lineCounter: LineCounter): Document.Parsed | null {
  try {
    return parseDocument(text, {
      lineCounter,
      prettyErrors: false,
      stringKeys: true,
      uniqueKeys: false,
      logLevel: 'error',
    })
  } catch (error) {
    if (error instanceof RangeError) return null
    throw error
  }
}

function read(walk: Walk, node: Node | null, path: Path, keyOffset: number): unknown {
  const offset = node?.range?.[0] ?? keyOffset
  walk.places.note(path, { key: keyOffset, value: offset })
  if (node === null) return null
  if (path.length > DEPTH_LIMIT) return unread(walk, path, 'is nested too deeply')
  if (isScalar(node)) return readScalar(walk, node, path)
  if (isSeq(node))
    return node.items.map((item, i) => read(walk, nodeOf(item), [...path, i], offset))
  if (isMap(node)) return readMap(walk, node, path)
  return isAlias(node) ? readAlias(walk, node, path, keyOffset) : null
}

function readMap(walk: Walk, map: YAMLMap, path: Path): unknown {
  const entries = new Map<string, unknown>()
  for (const { key, value } of map.items) {
    const name = isScalar(key) ? String(key.value) : ''
    const keyOffset = nodeOf(key)?.range?.[0] ?? 0
    const complain = (message: string) => {
      walk.faults.push(walk.places.faultAt(keyOffset, path, message))
    }
    if (name === '__proto__') complain('"__proto__" is not possible as a key')
    else if (entries.has(name)) {
      complain(
        `the key ${quote(name)} stands already on line ${walk.places.lineOf([...path, name])}`,
      )
    } else entries.set(name, read(walk, nodeOf(value), [...path, name], keyOffset))
  }
  return Object.fromEntries(entries)
}

/** Said once, however many there are. The alias has a place of its own; what is below it stands at the anchor. */
function readAlias(walk: Walk, alias: Alias, path: Path, keyOffset: number): unknown {
  walk.aliasCount += 1
  if (walk.aliasCount === ALIAS_LIMIT + 1) {
    return unread(walk, path, `is an alias too many; at most ${ALIAS_LIMIT} are followed`)
  }
  if (walk.aliasCount > ALIAS_LIMIT) return walk.places.markUnread(path)
  const anchored = alias.resolve(walk.document)
  if (anchored === undefined) {
    return unread(
      walk,
      path,
      `is an alias, but there is no anchor ${quote(alias.source)} before it`,
    )
  }
  const value = read(walk, anchored, path, keyOffset)
  walk.places.note(path, { key: keyOffset, value: alias.range?.[0] ?? keyOffset })
  return value
}

function readScalar(walk: Walk, { value }: Scalar, path: Path): unknown {
  if (typeof value !== 'string') return value
  const expanded = expand(value, walk.env)
  if (expanded.wrong === null) return expanded.text
  for (const message of expanded.wrong) unread(walk, path, message)
  return undefined
}

function unread(walk: Walk, path: Path, message: string): undefined {
  walk.faults.push(walk.places.fault(path, message))
  walk.places.markUnread(path)
}

/** Every part of a parsed document is a node, or nothing. */
function nodeOf(part: unknown): Node | null {
  return isNode(part) ? part : null
}

/** What follows the first mistake on a line is seldom a mistake of its own. */
function oneALine(faults: readonly Fault[]): readonly Fault[] {
  const lines = new Set<number>()
  return faults.filter(({ line }) => !lines.has(line) && lines.add(line))
}

function lowerFirst(text: string): string {
  return text.slice(0, 1).toLowerCase() + text.slice(1)
}
