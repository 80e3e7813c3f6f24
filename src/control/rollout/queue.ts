/**
 * One change at a time: the single writer of the control plane.
 *
 * Two lanes: what takes traffic away from a canary goes before what waits, but never between the record and the
 * routing of the change at work. Locks per route were rejected: publication is of all routes at once.
 */

import { CodedError } from '../coded-error.ts'

/** How many changes may wait in the usual lane; one more is refused. The urgent lane has no limit. */
export const WAITING_LIMIT = 1_000

export type Lane = 'urgent' | 'usual'

export interface Queue {
  /** Runs `work` when its turn comes, and settles as it does. */
  run<Result>(lane: Lane, work: () => Promise<Result>): Promise<Result>
}

/** Makes an empty queue. */
export function createQueue(): Queue {
  const urgent: (() => Promise<void>)[] = []
  const usual: (() => Promise<void>)[] = []
  let isBusy = false

  async function next(): Promise<void> {
    const job = urgent.shift() ?? usual.shift()
    isBusy = job !== undefined
    if (job === undefined) return
    await job()
    // Not returned: a queue that is never empty would make a chain of promises without end.
    void next()
  }

  return {
    run<Result>(lane: Lane, work: () => Promise<Result>) {
      if (lane === 'usual' && usual.length >= WAITING_LIMIT) {
        const message = `Cannot take the change: ${WAITING_LIMIT} others wait; try again in a moment`
        return Promise.reject(new CodedError('storeUnavailable', message))
      }
      return new Promise<Result>((resolve, reject) => {
        const jobs = lane === 'urgent' ? urgent : usual
        jobs.push(() => work().then(resolve, reject))
        if (!isBusy) void next()
      })
    },
  }
}
