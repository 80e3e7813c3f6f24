/** A configuration without faults, a line a section, whose sections a test replaces. */

import { checkConfig, sourceOf } from '../../../src/control/config/load.ts'
import type { Config } from '../../../src/control/config/config.ts'
import { formatFault } from '../../../src/control/config/fault.ts'

const SECTIONS = {
  version: 'version: 1',
  proxy: 'proxy: { listeners: [{ name: public, host: 127.0.0.1, port: 8080 }] }',
  upstreams: "upstreams: { a: { endpoints: ['http://127.0.0.1:9001'] } }",
  routes: 'routes: [{ name: shop, stable: a }]',
  rest: '',
}

export type Sections = Partial<typeof SECTIONS>

export function sample(replaced: Sections = {}): string {
  return Object.values({ ...SECTIONS, ...replaced }).join('\n')
}

/** The faults of a text as `sluice check` prints them, the file being called `f`. */
export function faultLines(text: string, env: Record<string, string> = {}): string[] {
  return (checkConfig(text, sourceOf('f', env)).faults ?? []).map(formatFault)
}

export function configOf(text: string, env: Record<string, string> = {}): Config {
  const { config, faults } = checkConfig(text, sourceOf('/etc/sluice/sluice.yaml', env))
  if (config === undefined) throw new Error(faults.map(formatFault).join('\n'))
  return config
}
