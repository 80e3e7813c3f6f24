/**
 * `run` and `version`: the process itself.
 */

import { readFileSync } from 'node:fs'
import type { Command } from './command.ts'
import { print } from './context.ts'
import { EXIT } from './exit.ts'
import { FILE } from './kinds.ts'

export const RUN: Command = {
  name: 'run',
  summary: 'Start the proxy and its control plane',
  details: [
    'Runs until SIGINT or SIGTERM, then lets the requests under way finish.',
    'SIGHUP, or a change of the file, loads the configuration anew; a faulty one changes nothing.',
  ],
  examples: ['sluice run -c sluice.yaml'],
  arguments: [],
  options: [
    {
      name: 'config',
      short: 'c',
      kind: FILE,
      isRequired: true,
      summary: 'the configuration, YAML',
    },
  ],
  ownsSignals: true,
  run: (given, context) => context.run({ configFile: given.required('config') }),
}

export const VERSION: Command = {
  name: 'version',
  summary: 'Print the version',
  arguments: [],
  options: [],
  run: async (_given, context) => {
    const file = new URL('../../../package.json', import.meta.url)
    const { version }: { version: string } = JSON.parse(readFileSync(file, 'utf8'))
    print(context, { version, node: process.versions.node }, () => [`sluice ${version}`])
    return EXIT.ok
  },
}
