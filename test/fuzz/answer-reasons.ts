/** Why we refuse an answer that llhttp reads: the whole list. */

import { compareAnswerHeads } from './compare-heads.ts'
import type { Rules } from './compare.ts'
import {
  chunkReasons,
  findReason,
  framingReasons,
  isLast,
  largeHead,
  type Reason,
} from './reasons.ts'

/** As of `ResponseHead`. */
const FIELD_LIMIT = 200

const REASONS: readonly Reason[] = [
  {
    name: 'a status beyond 100 to 599',
    fault: 'protocol',
    isFound: ({ their }) => !/^[1-5]\d\d /.test(their.start),
  },
  {
    name: 'a version that is not known',
    fault: 'protocol',
    isFound: ({ their }) => their.version !== '1' && their.version !== '0',
  },
  {
    name: 'another protocol',
    fault: 'protocol',
    isFound: ({ rest }) => /^(?:RTSP|ICE)\//.test(rest),
  },
  {
    name: 'line ends before an answer',
    fault: 'protocol',
    isFound: ({ rest }) => /^[\r\n]/.test(rest),
  },
  {
    name: 'a control byte in the reason phrase',
    fault: 'protocol',
    // oxlint-disable-next-line no-control-regex -- it is what is looked for
    isFound: ({ their }) => /[\0-\x08\x0a-\x1f\x7f]/.test(their.start),
  },
  {
    name: 'an interim answer that is the last',
    fault: 'protocol',
    isFound: ({ their }) => their.start.startsWith('1') && isLast(their),
  },
  {
    name: 'a switch that was not asked for',
    fault: 'switch',
    isFound: ({ their }) => their.start.startsWith('101 '),
  },
  {
    name: 'more than 16 interim answers',
    fault: 'interim',
    isFound: ({ their }) => their.start.startsWith('1'),
  },
  ...framingReasons('protocol', 'protocol'),
  ...chunkReasons('protocol'),
  largeHead(FIELD_LIMIT),
]

export const ANSWER_RULES: Rules = {
  compareHeads: compareAnswerHeads,
  whyRefused: (fault, refused) => findReason(REASONS, fault, refused),
}
