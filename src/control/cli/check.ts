/**
 * `check`: is this a configuration that `run` would start with? Nothing is started and nobody is asked.
 */

import { CodedError } from '../coded-error.ts'
import type { Config } from '../config/config.ts'
import { formatFault } from '../config/fault.ts'
import { loadConfig } from '../config/load.ts'
import type { Command } from './command.ts'
import { print, say } from './context.ts'
import { EXIT } from './exit.ts'
import { FILE } from './kinds.ts'

export const CHECK: Command = {
  name: 'check',
  summary: 'Check a configuration and tell its faults by line',
  details: [
    'Faults go to stderr as FILE:LINE:COLUMN PATH: MESSAGE, all of them at once; the exit code is then 2.',
    'Certificates and keys are read and tried. What may be a mistake is a warning, and changes nothing else.',
    'Variables such as ${PORT} are taken from the environment, as run takes them.',
  ],
  examples: ['sluice check sluice.yaml'],
  arguments: [{ name: 'FILE', kind: FILE, summary: 'the configuration, YAML' }],
  options: [],
  run: async (given, context) => {
    try {
      const config = loadConfig(given.required('FILE'), context.env)
      const { warnings } = config
      for (const warning of warnings) say(context, `${formatFault(warning)} (a warning)`)
      print(context, { ok: true, ...summaryOf(config), warnings }, () => [
        `ok: ${sentenceOf(config)}`,
      ])
      return EXIT.ok
    } catch (error) {
      if (error instanceof CodedError && context.format === 'json') {
        print(context, { ok: false, faults: error.members['faults'] ?? [] }, () => [])
      }
      throw error
    }
  },
}

function summaryOf(config: Config) {
  return {
    routes: config.routes.map((route) => route.name),
    upstreams: [...config.upstreams.keys()],
    listeners: config.proxy.listeners.map(({ host, port }) => `${host}:${port}`),
    control: `${config.control.host}:${config.control.port}`,
  }
}

function sentenceOf(config: Config): string {
  const { routes, upstreams, listeners, control } = summaryOf(config)
  return [
    plural(routes.length, 'route'),
    plural(upstreams.length, 'upstream'),
    `listening on ${listeners.join(', ')}`,
    `admin API on ${control}`,
  ].join(', ')
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}
