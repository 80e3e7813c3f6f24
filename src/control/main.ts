/**
 * The entry point. With `process.ts` the composition root: the only places where real clocks, signals and
 * chance are made.
 */

import { runCli } from './cli/cli.ts'
import { runProcess } from './process.ts'

process.exitCode = await runCli(process.argv.slice(2), {
  run: runProcess,
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
  isTty: process.stdout.isTTY,
})
