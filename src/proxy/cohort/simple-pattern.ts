/**
 * Expressions so simple that V8's own engine cannot be slow with them, which is ten times as fast as RE2 is here.
 *
 * Those are rows of single characters and classes, some of them repeated, with anchors at the ends: no group, no
 * alternative. Where something is repeated a varying number of times, whatever may come after it has no character in
 * common with it: so there is one way to read a value from each of its places, and going back finds at once that there
 * is no other. What is looked for anywhere has no unlimited repetition that could be entered from more than one place, else
 * the time would grow with the square of the value. All else is RE2's. What is handed to V8 is written anew from what was read, so that no difference of the
 * two syntaxes counts; the tests hold the answers against RE2's. Case is left to RE2: `k` is also the sign of Kelvin.
 */

const ASCII = 128
const UNLIMITED = -1

/** A character of a class, how often it comes. */
interface Element {
  /** 1 for each ASCII character in it. */
  readonly ascii: Uint8Array
  /** Whether all others are in it. */
  readonly hasOthers: boolean
  readonly min: number
  /** `UNLIMITED`: any number. */
  readonly max: number
}

type CharacterSet = Pick<Element, 'ascii' | 'hasOthers'>

/** Returns null where the expression is not one of them. `source` is one that RE2 takes. */
export function simplePattern(source: string): RegExp | null {
  const isAnchored = source.startsWith('^')
  const reader = new Reader(source, isAnchored ? 1 : 0)
  const elements: Element[] = []
  while (!reader.isAtEnd) {
    const set = reader.readSet()
    const count = set === null ? null : reader.readCount()
    if (set === null || count === null) return null
    elements.push({ ...set, ...count })
  }
  if (!isOneWay(elements)) return null
  const row = isAnchored ? elements : withShortLead(elements)
  if (!isAnchored && !isEnteredOnce(row)) return null
  const text = row.map(written).join('')
  return new RegExp(`${isAnchored ? '^' : ''}${text}${reader.endsAnchored ? '$' : ''}`)
}

/** What may follow a varying repetition has nothing in common with it, up to what must follow. */
function isOneWay(elements: readonly Element[]): boolean {
  return elements.every((element, i) => {
    if (element.min === element.max) return true
    for (const next of elements.slice(i + 1)) {
      if (overlap(element, next)) return false
      if (next.min > 0) return true
    }
    return true
  })
}

/** Where a search begins anywhere, what it begins with need not come more often than it must. */
function withShortLead(elements: readonly Element[]): readonly Element[] {
  const [first, ...others] = elements
  if (first === undefined || first.min === first.max) return elements
  return first.min === 0 ? withShortLead(others) : [{ ...first, max: first.min }, ...others]
}

/** In front of each unlimited repetition stands something that must be there and is not in it: so it has one beginning. */
function isEnteredOnce(elements: readonly Element[]): boolean {
  return elements.every((element, i) => {
    if (element.max !== UNLIMITED) return true
    const before = elements[i - 1]
    if (before === undefined || before.min === 0 || before.min !== before.max) return false
    return !overlap(before, element)
  })
}

function overlap(a: CharacterSet, b: CharacterSet): boolean {
  return (
    (a.hasOthers && b.hasOthers) || a.ascii.some((isIn, code) => isIn === 1 && b.ascii[code] === 1)
  )
}

const CLASS_ESCAPES: Readonly<Record<string, string>> = {
  d: '0123456789',
  w: '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz',
  s: '\t\n\f\r ',
}
const PLAIN = /^[\w !"#%&',\-/:;<=>@`~]$/
const PUNCTUATION = /^[!-/:-@[-`{-~]$/
/** Of a class: what has no meaning in one, in any syntax. */
const CLASS_PLAIN = /^[\w !"#%&'()*+,./:;<=>?@`{|}~$]$/
const COUNT = /^\{(\d{1,3})(?:(,)(\d{0,3}))?\}/

/** Reads a row of elements, one after the other. */
class Reader {
  readonly #source: string
  #at: number

  constructor(source: string, at: number) {
    this.#source = source
    this.#at = at
  }

  get isAtEnd(): boolean {
    return this.#at === this.#source.length || this.endsAnchored
  }

  /** Whether all that is left is the anchor of the end. */
  get endsAnchored(): boolean {
    return this.#at === this.#source.length - 1 && this.#source.endsWith('$')
  }

  /** Returns null for what is not simple. */
  readSet(): CharacterSet | null {
    const char = this.#source[this.#at++]!
    if (char === '[') return this.#readClass()
    if (char === '\\') return this.#readEscape()
    if (char === '.') return complement(setOf('\n'))
    return PLAIN.test(char) ? setOf(char) : null
  }

  #readEscape(): CharacterSet | null {
    const char = this.#source[this.#at++] ?? ''
    const members = CLASS_ESCAPES[char.toLowerCase()]
    if (members !== undefined) {
      return char === char.toLowerCase() ? setOf(members) : complement(setOf(members))
    }
    return PUNCTUATION.test(char) ? setOf(char) : null
  }

  #readClass(): CharacterSet | null {
    const isNegated = this.#source[this.#at] === '^'
    if (isNegated) this.#at++
    const ascii = new Uint8Array(ASCII)
    let isEmpty = true
    for (;;) {
      const char = this.#source[this.#at++]
      if (char === undefined) return null
      if (char === ']') break
      isEmpty = false
      if (char === '\\') {
        const members = this.#readEscape()
        if (members === null || members.hasOthers) return null
        members.ascii.forEach((isIn, code) => (ascii[code]! |= isIn))
      } else if (!this.#readRange(char, ascii)) return null
    }
    if (isEmpty) return null
    const set = { ascii, hasOthers: false }
    return isNegated ? complement(set) : set
  }

  /** One character, or two with a dash between them. */
  #readRange(first: string, ascii: Uint8Array): boolean {
    if (!CLASS_PLAIN.test(first)) return false
    let last = first
    if (this.#source[this.#at] === '-') {
      last = this.#source[this.#at + 1] ?? ''
      if (!/^\w$/.test(first) || !/^\w$/.test(last)) return false
      this.#at += 2
    }
    for (let code = first.charCodeAt(0); code <= last.charCodeAt(0); code++) ascii[code] = 1
    return true
  }

  /** How often what was read comes; null where that is not said simply. */
  readCount(): Pick<Element, 'min' | 'max'> | null {
    const char = this.#source[this.#at]
    const simple = char === undefined ? undefined : COUNTS[char]
    const braces = char === '{' ? COUNT.exec(this.#source.slice(this.#at)) : null
    if (char === '{' && braces === null) return null
    if (simple === undefined && braces === null) return { min: 1, max: 1 }
    this.#at += braces?.[0].length ?? 1
    // A second one makes it lazy, or is a mistake.
    if (/^[*+?{]/.test(this.#source.slice(this.#at))) return null
    if (simple !== undefined) return simple
    const [, min = '', comma, max] = braces ?? []
    if (comma === undefined) return { min: Number(min), max: Number(min) }
    return { min: Number(min), max: max === '' ? UNLIMITED : Number(max) }
  }
}

const COUNTS: Readonly<Record<string, Pick<Element, 'min' | 'max'>>> = {
  '*': { min: 0, max: UNLIMITED },
  '+': { min: 1, max: UNLIMITED },
  '?': { min: 0, max: 1 },
}

function setOf(chars: string): CharacterSet {
  const ascii = new Uint8Array(ASCII)
  for (const char of chars) ascii[char.charCodeAt(0)] = 1
  return { ascii, hasOthers: false }
}

function complement({ ascii, hasOthers }: CharacterSet): CharacterSet {
  return { ascii: ascii.map((isIn) => 1 - isIn), hasOthers: !hasOthers }
}

/**
 * Without the flag `u`, by which V8 does not find `[^0-9]$` in a character beyond the basic plane: such a one is two units here,
 * and text has no halves of them.
 */
function written({ ascii, hasOthers, min, max }: Element): string {
  let members = ''
  ascii.forEach((isIn, code) => {
    if ((isIn === 1) !== hasOthers) members += `\\x${code.toString(16).padStart(2, '0')}`
  })
  const set = hasOthers
    ? String.raw`(?:[^${members}\ud800-\udfff]|[\ud800-\udbff][\udc00-\udfff])`
    : `[${members}]`
  if (min === 1 && max === 1) return set
  return `${set}{${min},${max === UNLIMITED ? '' : max}}`
}
