/**
 * All commands, in the order in which the help lists them.
 */

import { CHECK } from './check.ts'
import type { Command } from './command.ts'
import { DEMO } from './demo.ts'
import { EVENTS } from './events.ts'
import { EXPLAIN } from './explain.ts'
import { FLAG_COMMANDS } from './flags.ts'
import { CANARY, ROLLOUT_START, VERBS } from './rollouts.ts'
import { RUN, VERSION } from './run.ts'
import { STATUS } from './status.ts'
import { UPSTREAMS } from './upstreams.ts'
import { WAIT } from './wait.ts'

export const COMMANDS: readonly Command[] = [
  DEMO,
  RUN,
  CHECK,
  STATUS,
  UPSTREAMS,
  CANARY,
  ROLLOUT_START,
  ...VERBS,
  WAIT,
  EVENTS,
  EXPLAIN,
  ...FLAG_COMMANDS,
  VERSION,
]
