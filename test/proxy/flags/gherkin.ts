/**
 * As much of Gherkin as flagd's testbed is written in: backgrounds, scenarios, outlines with examples, tags, tables.
 *
 * A package for it was not needed: these files use no more than this.
 */

export interface Step {
  readonly text: string
  /** Rows under the step. */
  readonly table: readonly (readonly string[])[]
}

export interface Scenario {
  readonly name: string
  readonly tags: ReadonlySet<string>
  readonly steps: readonly Step[]
}

interface Block {
  readonly kind: 'background' | 'scenario'
  readonly name: string
  readonly tags: readonly string[]
  readonly steps: { text: string; table: string[][] }[]
  readonly examples: { readonly tags: readonly string[]; readonly rows: string[][] }[]
}

/** Returns every scenario of a feature; an outline gives one for each row of its examples. */
export function readFeature(text: string): readonly Scenario[] {
  const blocks: Block[] = []
  let tags: string[] = []
  for (const line of text.split('\n').map((each) => each.trim())) {
    const block = blocks.at(-1)
    const heading = /^(Feature|Background|Scenario Outline|Scenario|Examples):\s*(.*)$/.exec(line)
    if (line.startsWith('@')) tags.push(...line.split(/\s+/))
    else if (heading !== null) {
      const [, word, name = ''] = heading
      if (word === 'Examples') block!.examples.push({ tags, rows: [] })
      else if (word !== 'Feature') {
        const kind = word === 'Background' ? 'background' : 'scenario'
        blocks.push({ kind, name, tags, steps: [], examples: [] })
      }
      tags = []
    } else if (line.startsWith('|')) {
      const row = line
        .slice(1, -1)
        .split('|')
        .map((cell) => cell.trim())
      const rows = block!.examples.at(-1)?.rows ?? block!.steps.at(-1)!.table
      rows.push(row)
    } else if (/^(?:Given|When|Then|And|But) /.test(line)) {
      block!.steps.push({ text: line.slice(line.indexOf(' ') + 1), table: [] })
    }
  }
  const background = blocks
    .filter(({ kind }) => kind === 'background')
    .flatMap(({ steps }) => steps)
  return blocks
    .filter(({ kind }) => kind === 'scenario')
    .flatMap((each) => unfold(each, background))
}

function unfold({ name, tags, steps, examples }: Block, background: Block['steps']): Scenario[] {
  const all = [...background, ...steps]
  if (examples.length === 0) return [{ name, tags: new Set(tags), steps: all }]
  return examples.flatMap((example) => {
    const [titles = [], ...rows] = example.rows
    return rows.map((row) => {
      const fill = (text: string): string =>
        titles.reduce((filled, title, i) => filled.replaceAll(`<${title}>`, row[i] ?? ''), text)
      return {
        name: `${name} (${row.join(', ')})`,
        tags: new Set([...tags, ...example.tags]),
        steps: all.map((step) => ({
          text: fill(step.text),
          table: step.table.map((cells) => cells.map(fill)),
        })),
      }
    })
  })
}
