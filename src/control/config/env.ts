/**
 * `${VAR}` and `${VAR:-default}` in the scalars of the configuration; `$${` stands for a literal `${`.
 *
 * Applied to scalars after the YAML is parsed: a value can never add a key, end a quote or open a list, which
 * replacing in the raw text would allow. One pass: what a variable holds is not looked into again.
 */

export type Environment = Readonly<Record<string, string | undefined>>

/** A text with its references replaced, or the sentences that say why it could not be done. */
export type Expanded =
  | { readonly text: string; readonly wrong: null }
  | { readonly text: null; readonly wrong: readonly string[] }

const REFERENCE = /\$\$\{|\$\{([^}]*)(\}?)/g
const BODY = /^([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?$/s

/** Replaces every reference of a scalar. As in a shell, `:-` also stands in for a variable that is empty. */
export function expand(text: string, env: Environment): Expanded {
  const wrong: string[] = []
  const expanded = text.replaceAll(REFERENCE, (whole, body: string | undefined, end: string) => {
    if (body === undefined) return '${'
    const [, name, fallback] = BODY.exec(body) ?? []
    if (end === '' || name === undefined || fallback?.includes('${')) {
      wrong.push(
        `"${whole}" is not a reference; write \${NAME}, \${NAME:-default}, or $\${ for a literal \${`,
      )
      return whole
    }
    const value = env[name]
    if (value !== undefined && (value !== '' || fallback === undefined)) return value
    if (fallback !== undefined) return fallback
    wrong.push(`the environment variable ${name} is not set; set it or write \${${name}:-default}`)
    return whole
  })
  return wrong.length === 0 ? { text: expanded, wrong: null } : { text: null, wrong }
}
