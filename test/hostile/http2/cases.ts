/** More cases over HTTP/2, of both sides, written as frames, since their bytes say nothing to a reader. */

import type { HostileCase } from '../cases.ts'
import { ANSWER_CASES } from './answers.ts'
import { CONNECT_CASES, LENGTH_CASES, TRAILER_CASES } from './bodies.ts'
import { FLOOD_CASES } from './floods.ts'
import { FRAME_CASES, LEGAL_CASES } from './frame-rules.ts'
import { HIDDEN_FIELD_CASES } from './hidden-fields.ts'
import { FIELD_CASES, PSEUDO_CASES } from './messages.ts'
import { UPSTREAM_CASES } from './upstreams.ts'

export const OWN_HTTP2_CASES: readonly HostileCase[] = [
  ...FIELD_CASES,
  ...HIDDEN_FIELD_CASES,
  ...PSEUDO_CASES,
  ...CONNECT_CASES,
  ...LENGTH_CASES,
  ...TRAILER_CASES,
  ...ANSWER_CASES,
  ...FRAME_CASES,
  ...LEGAL_CASES,
  ...FLOOD_CASES,
  ...UPSTREAM_CASES,
]
