import { beforeEach, expect, test, vi } from 'vitest'
import { event, type FakeAdmin, fakeAdmin } from './fake-admin.ts'
import { sluice, start } from './harness.ts'

let admin: FakeAdmin
let env: { SLUICE_SERVER: string }

beforeEach(async () => {
  admin = await fakeAdmin()
  env = { SLUICE_SERVER: admin.url }
  admin.events = [
    event(),
    event({
      seq: 2,
      rollout: null,
      phase: null,
      type: 'stable',
      actor: 'sluice',
      reason: 'From the file',
    }),
    event({ seq: 3, type: 'pause', phase: 'paused', reason: 'Paused by ana: lunch' }),
  ]
})

test('events are a table, oldest first', async () => {
  const { code, stdout } = await sluice(['events'], { env })
  expect(code).toBe(0)
  expect(stdout.replaceAll(/\d\d:\d\d:\d\d/g, 'hh:mm:ss')).toBe(
    ' SEQ  TIME      ROLLOUT     PHASE        ACTOR      WHAT\n' +
      '   1  hh:mm:ss  shop-3      progressing  ana        Started by ana\n' +
      '   2  hh:mm:ss  shop        -            sluice     From the file\n' +
      '   3  hh:mm:ss  shop-3      paused       ana        Paused by ana: lunch\n',
  )
})

const seqs = (stdout: string): number[] =>
  stdout
    .trim()
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line).seq)

test.for([
  { argv: [], shows: [1, 2, 3] },
  { argv: ['--limit', '2'], shows: [2, 3] },
  { argv: ['--limit', '0'], shows: [] },
  { argv: ['--after', '1'], shows: [2, 3] },
  { argv: ['--after', '3'], shows: [] },
  { argv: ['--rollout', 'shop-3'], shows: [1, 3] },
  { argv: ['--rollout', 'shop-3', '--limit', '1'], shows: [3] },
  { argv: ['--rollout', 'shop-3', '--after', '1'], shows: [3] },
])('events $argv shows $shows, one JSON document a line', async ({ argv, shows }) => {
  const { stdout } = await sluice(['events', '-o', 'json', ...argv], { env })
  expect(seqs(stdout)).toEqual(shows)
})

test('a long journal is read page by page', async () => {
  admin.events = Array.from({ length: 1_234 }, (_, i) => event({ seq: i + 1 }))
  const { stdout } = await sluice(['events', '--after', '10', '-o', 'json'], { env })
  expect(seqs(stdout)).toEqual(admin.events.slice(10).map(({ seq }) => seq))
})

test('--follow goes on where the backlog ended, and after a broken stream where that ended', async () => {
  const following = start(['events', '--follow', '--after', '1', '-o', 'json'], { env })
  await vi.waitFor(() => expect(seqs(following.stdout())).toEqual([2, 3]))
  await vi.waitFor(() => expect(admin.asked.at(-1)?.headers['last-event-id']).toBe('3'))
  admin.tell(event({ seq: 4 }))
  await vi.waitFor(() => expect(seqs(following.stdout())).toEqual([2, 3, 4]))

  admin.cutStreams()
  admin.events.push(event({ seq: 5 }))
  await vi.waitFor(() => expect(seqs(following.stdout())).toEqual([2, 3, 4, 5]), 5_000)
  following.interrupt()
  const { code, stderr } = await following.ended
  expect(code).toBe(130)
  expect(stderr).toBe('The stream of events broke at 4; trying again\n')
})

test('--follow --rollout asks for that rollout alone', async () => {
  const following = start(['events', '--follow', '--rollout', 'shop-3'], { env })
  await vi.waitFor(() => expect(admin.asked.at(-1)?.path).toBe('/v1/events/stream?rollout=shop-3'))
  following.interrupt()
  await following.ended
})

test('--follow ends when nobody reads it any more', async () => {
  const following = start(['events', '--follow'], { env })
  await vi.waitFor(() => expect(following.stdout()).toContain('lunch'))
  following.breakStdout()
  expect(await following.ended).toMatchObject({ code: 130, stderr: '' })
})

test('--follow ends when it is not allowed', async () => {
  admin.refusals.push({ status: 403, code: 'forbidden' })
  expect((await sluice(['events', '--follow'], { env })).code).toBe(4)
})
