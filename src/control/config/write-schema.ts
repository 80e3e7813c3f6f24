/**
 * Writes the JSON Schema of the configuration, with which editors complete and check it: `npm run schema`.
 *
 * Draft 7, since that is what the YAML language server reads. It describes the file as it is written, so each
 * scalar may also be a reference to the environment.
 */

import { writeFileSync } from 'node:fs'
import { z } from 'zod'
import { ConfigFile } from './schema.ts'

export const SCHEMA_FILE = new URL('../../../schema/config.v1.json', import.meta.url)

export function configJsonSchema(): Record<string, unknown> {
  const schema = z.toJSONSchema(ConfigFile, { target: 'draft-7', io: 'input' })
  return { ...schema, title: 'Configuration of Sluice' }
}

if (import.meta.main) {
  writeFileSync(SCHEMA_FILE, `${JSON.stringify(configJsonSchema(), null, 2)}\n`)
}
