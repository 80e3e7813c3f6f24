/**
 * The entry point. With `process.ts` the composition root: the only places where real clocks, signals and
 * chance are made.
 */

import { runCli } from './cli/cli.ts'

process.exitCode = await runCli(process.argv.slice(2), {
  // Loaded only when it is asked for: the other commands need neither the API's server nor the engine.
  run: async (options) => (await import('./process.ts')).runProcess(options),
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
  isTty: process.stdout.isTTY,
})
