import { expect, test } from 'vitest'
import { createQueue, WAITING_LIMIT } from '../../../src/control/rollout/queue.ts'

/** Work that ends when it is told to. */
function gate() {
  const { promise, resolve } = Promise.withResolvers<void>()
  return { work: () => promise, open: resolve }
}

test('work is done one at a time, the urgent first, each lane in its order', async () => {
  const queue = createQueue()
  const { work, open } = gate()
  const order: string[] = []
  const note = (name: string) => async () => void order.push(name)
  const all = [
    queue.run('usual', work),
    queue.run('usual', note('usual 1')),
    queue.run('usual', note('usual 2')),
    queue.run('urgent', note('urgent 1')),
    queue.run('urgent', note('urgent 2')),
  ]
  await Promise.resolve()
  expect(order).toEqual([])
  open()
  await Promise.all(all)
  expect(order).toEqual(['urgent 1', 'urgent 2', 'usual 1', 'usual 2'])
})

test('work that fails fails for its caller alone', async () => {
  const queue = createQueue()
  const failing = queue.run('usual', () => Promise.reject(new Error('no')))
  const after = queue.run('usual', () => Promise.resolve('yes'))
  await expect(failing).rejects.toThrow('no')
  expect(await after).toBe('yes')
})

test('what waits in the usual lane is limited, in the urgent one not', async () => {
  const queue = createQueue()
  const { work, open } = gate()
  const all = [queue.run('usual', work)]
  for (let i = 0; i < WAITING_LIMIT; i++) all.push(queue.run('usual', work))
  await expect(queue.run('usual', work)).rejects.toMatchObject({ code: 'storeUnavailable' })
  all.push(queue.run('urgent', work))
  open()
  await Promise.all(all)
})
