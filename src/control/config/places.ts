/**
 * Where everything stands in a file: makes a fault from a path and a sentence.
 *
 * Places are noted by path while the file is read, instead of searched for afterwards, so that a value behind an
 * alias is found at its anchor and a key that is missing at the map around it.
 */

import type { LineCounter } from 'yaml'
import { type Fault, formatPath, type Path } from './fault.ts'

/** Of one message, so that a fault stays readable whatever was found. */
const MESSAGE_LENGTH = 400

/** Offsets into the text. */
interface Place {
  readonly key: number
  readonly value: number
}

export class Places {
  readonly #file: string
  readonly #lines: LineCounter
  readonly #places = new Map<string, Place>()
  readonly #unread = new Set<string>()

  constructor(file: string, lines: LineCounter) {
    this.#file = file
    this.#lines = lines
  }

  note(path: Path, place: Place): void {
    this.#places.set(keyOf(path), place)
  }

  /** Marks a value that could not be read, so that nothing is concluded from its absence. */
  markUnread(path: Path): void {
    this.#unread.add(keyOf(path))
  }

  has(path: Path): boolean {
    return this.#places.has(keyOf(path))
  }

  /** Whether the value, or one around it, could not be read. */
  isUnread(path: Path): boolean {
    return [...path, ''].some((_, length) => this.#unread.has(keyOf(path.slice(0, length))))
  }

  /** The line of a key, from 1. */
  lineOf(path: Path): number {
    return this.#lines.linePos(this.#nearest(path).key).line
  }

  /** A fault at a value, or at the nearest one around it. */
  fault(path: Path, message: string): Fault {
    return this.faultAt(this.#nearest(path).value, path, message)
  }

  /** A fault about a map, shown at one of its keys. */
  faultAtKey(path: Path, key: string, message: string): Fault {
    return this.faultAt(this.#nearest([...path, key]).key, path, message)
  }

  faultAt(offset: number, path: Path, message: string): Fault {
    const { line, col } = this.#lines.linePos(Math.max(0, offset))
    return {
      file: this.#file,
      line: Math.max(1, line),
      column: Math.max(1, col),
      path: formatPath(path),
      message: oneLine(message),
    }
  }

  #nearest(path: Path): Place {
    const place = this.#places.get(keyOf(path))
    if (place !== undefined) return place
    return path.length === 0 ? { key: 0, value: 0 } : this.#nearest(path.slice(0, -1))
  }
}

function keyOf(path: Path): string {
  return JSON.stringify(path)
}

/** Shows control characters as escapes: what was found must not move the cursor of a terminal. */
function oneLine(message: string): string {
  const clipped = message.length > MESSAGE_LENGTH ? `${message.slice(0, MESSAGE_LENGTH)}…` : message
  return clipped.replaceAll(/[\p{Cc}\u2028\u2029]/gu, (character) => {
    const code = character.charCodeAt(0).toString(16).padStart(4, '0')
    return character === '\n' ? String.raw`\n` : String.raw`\u${code}`
  })
}
