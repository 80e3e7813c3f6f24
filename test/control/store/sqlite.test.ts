import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, expect, test } from 'vitest'
import { CodedError } from '../../../src/control/coded-error.ts'
import { fold } from '../../../src/control/store/fold.ts'
import { openSqliteStore } from '../../../src/control/store/sqlite.ts'
import { entriesOf, NOW_MS, replyFor, stableEntry } from './entries.ts'
import { opened, temporaryPath } from './fixtures.ts'

const abort = { type: 'abort', atMs: NOW_MS + 5, actor: 'bob', reason: 'it smells' } as const

/** Changes a closed store's file from outside. */
function tamper(path: string, sql: string): void {
  const database = new DatabaseSync(path)
  database.exec(sql)
  database.close()
}

describe('a store', () => {
  test('is empty when it is new', async () => {
    const store = await opened(temporaryPath())
    expect(await store.load()).toEqual({ seq: 0, rollouts: new Map(), stables: new Map() })
    expect(await store.lastSeq()).toBe(0)
    expect(await store.journal({ after: 0, limit: 10 })).toEqual([])
  })

  test('numbers entries from 1 without gaps and gives them back as they were', async () => {
    const store = await opened(temporaryPath())
    const entries = entriesOf([abort])
    const written = [
      ...(await store.append(entries)),
      ...(await store.append([stableEntry('b', 'a')])),
    ]
    expect(written.map((entry) => entry.seq)).toEqual([1, 2, 3])
    expect(await store.journal({ after: 0, limit: 10 })).toEqual(written)
    expect(await store.lastSeq()).toBe(3)
  })

  test('keeps evidence by rollout, in place of what it kept before, until it is forgotten', async () => {
    const path = temporaryPath()
    const store = await opened(path)
    await store.keepEvidence(
      new Map([
        ['shop-1', '{"a":1}'],
        ['shop-2', '{}'],
      ]),
    )
    await store.keepEvidence(
      new Map([
        ['shop-1', '{"a":2}'],
        ['shop-2', null],
      ]),
    )
    await store.close()
    const again = await opened(path)
    expect(await again.evidence()).toEqual(new Map([['shop-1', '{"a":2}']]))
    expect(await again.lastSeq()).toBe(0)
  })

  test('of layout 1 gets what layout 2 has beside it', async () => {
    const path = temporaryPath()
    const store = await opened(path)
    const written = await store.append(entriesOf([abort]))
    await store.close()
    tamper(
      path,
      'DROP TABLE evidence; DROP TABLE flags; DROP TABLE flag_changes; PRAGMA user_version = 1',
    )
    const again = await opened(path)
    expect(await again.journal({ after: 0, limit: 10 })).toEqual(written)
    await again.keepEvidence(new Map([['shop-1', '{}']]))
    expect((await again.evidence()).size).toBe(1)
    expect((await again.flags()).size).toBe(0)
  })

  test('of layout 2 gets what layout 3 has beside it, and keeps its evidence', async () => {
    const path = temporaryPath()
    const store = await opened(path)
    await store.keepEvidence(new Map([['shop-1', '{}']]))
    await store.close()
    tamper(path, 'DROP TABLE flags; DROP TABLE flag_changes; PRAGMA user_version = 2')
    const again = await opened(path)
    expect((await again.evidence()).size).toBe(1)
    expect((await again.flags()).size).toBe(0)
  })

  test('keeps flags by key with what was done to them, all or nothing', async () => {
    const path = temporaryPath()
    const store = await opened(path)
    const change = { atMs: 1, actor: 'ann', what: 'created' }
    await store.keepFlags([
      { key: 'a', body: '{"n":1}', ...change },
      { key: 'b', body: '{}', ...change },
    ])
    await store.keepFlags([
      { key: 'a', body: '{"n":2}', atMs: 2, actor: 'bob', what: 'ramped' },
      { key: 'b', body: null, ...change, what: 'taken away' },
    ])
    const broken = { key: 'c', body: '{}', ...change, actor: null as unknown as string }
    await expect(store.keepFlags([{ key: 'd', body: '{}', ...change }, broken])).rejects.toThrow(
      CodedError,
    )
    await store.close()
    const again = await opened(path)
    expect(await again.flags()).toEqual(new Map([['a', '{"n":2}']]))
    expect(await again.flagChanges('a', 10)).toEqual([
      { atMs: 2, actor: 'bob', what: 'ramped' },
      change,
    ])
    expect(await again.flagChanges('a', 1)).toHaveLength(1)
  })

  test('pages through the journal, all of it or a rollout', async () => {
    const store = await opened(temporaryPath())
    await store.append([stableEntry('b', 'a'), ...entriesOf([abort]), stableEntry('c', 'a')])
    const seqs = async (query: { after: number; limit: number; rollout?: string }) =>
      (await store.journal(query)).map((entry) => entry.seq)
    expect(await seqs({ after: 1, limit: 2 })).toEqual([2, 3])
    expect(await seqs({ after: 4, limit: 2 })).toEqual([])
    expect(await seqs({ after: 0, limit: 10, rollout: 'shop-1' })).toEqual([2, 3])
    expect(await seqs({ after: 2, limit: 10, rollout: 'shop-1' })).toEqual([3])
    expect(await seqs({ after: 0, limit: 10, rollout: 'shop-2' })).toEqual([])
  })

  test('loads the fold of what was written, also after it was closed', async () => {
    const path = temporaryPath()
    const store = await opened(path)
    const written = await store.append([...entriesOf([abort]), stableEntry('b', 'a')])
    expect(await store.load()).toEqual(fold(written))
    await store.close()
    const state = await (await opened(path)).load()
    expect(state).toEqual(fold(written))
    expect(state.rollouts.get('shop-1')).toMatchObject({ phase: 'aborted', endedAtMs: abort.atMs })
    expect(state.stables.get('shop')).toEqual({ upstream: 'b', fileStable: 'a' })
  })

  test('loads the same from a snapshot and the journal after it', async () => {
    const path = temporaryPath()
    const store = await opened(path)
    const before = await store.append(entriesOf())
    await store.compact(fold(before), 0)
    const after = await store.append([stableEntry('b', 'a'), ...entriesOf([abort]).slice(1)])
    await store.compact(fold(after.slice(0, 1), fold(before)), 0)
    await store.close()
    expect(await (await opened(path)).load()).toEqual(fold([...before, ...after]))
  })

  test('keeps a reply with its entries, and lets go of old ones', async () => {
    const store = await opened(temporaryPath())
    await store.append(entriesOf(), replyFor('old', NOW_MS - 10))
    await store.append([], replyFor('new'))
    expect(await store.findReply('old')).toEqual(replyFor('old', NOW_MS - 10))
    expect(await store.findReply('none')).toBeUndefined()
    await store.compact(await store.load(), NOW_MS)
    expect(await store.findReply('old')).toBeUndefined()
    expect(await store.findReply('new')).toEqual(replyFor('new'))
  })

  test('writes nothing when the key of a reply is taken', async () => {
    const store = await opened(temporaryPath())
    await store.append([], replyFor('key'))
    await expect(store.append(entriesOf(), replyFor('key'))).rejects.toMatchObject({
      code: 'keyReused',
    })
    expect(await store.lastSeq()).toBe(0)
  })

  test('is for its owner alone', async () => {
    const path = temporaryPath()
    await (await opened(path)).append(entriesOf())
    for (const suffix of ['', '-wal', '-shm']) {
      expect(statSync(path + suffix).mode & 0o077).toBe(0)
    }
  })

  test('can be read by others while it is open', async () => {
    const path = temporaryPath()
    const store = await opened(path)
    await store.append(entriesOf([abort]))
    const reader = new DatabaseSync(path, { readOnly: true })
    expect(reader.prepare('SELECT seq, type, actor FROM events').all()).toMatchObject([
      { seq: 1, type: 'start', actor: 'alice' },
      { seq: 2, type: 'abort', actor: 'alice' },
    ])
    reader.close()
  })

  test('in memory leaves no file', async () => {
    const before = readdirSync('.')
    const store = await opened(':memory:')
    const written = await store.append(entriesOf([abort]))
    expect(await store.load()).toEqual(fold(written))
    expect(readdirSync('.')).toEqual(before)
  })

  test('that is closed is unavailable', async () => {
    const store = await opened(temporaryPath())
    await store.close()
    await store.close()
    await expect(store.append(entriesOf())).rejects.toMatchObject({ code: 'storeUnavailable' })
    await expect(store.load()).rejects.toMatchObject({ code: 'storeUnavailable' })
  })
})

/** Opens a file that must be refused, and returns why. */
async function refused(path: string): Promise<CodedError> {
  const before = readFileSync(path)
  const error: unknown = await openSqliteStore(path, NOW_MS).catch((reason: unknown) => reason)
  expect(readFileSync(path).equals(before)).toBe(true)
  if (error instanceof CodedError) return error
  throw new Error('The file was opened', { cause: error })
}

/** A store that was written, and closed. */
async function used(): Promise<string> {
  const path = temporaryPath()
  const store = await openSqliteStore(path, NOW_MS)
  await store.append(Array.from({ length: 20 }, () => entriesOf([abort])).flat())
  await store.close()
  return path
}

describe('a file is refused and left as it was', () => {
  test('when a newer Sluice wrote it', async () => {
    const path = await used()
    tamper(path, 'PRAGMA user_version = 4')
    expect(await refused(path)).toMatchObject({
      code: 'storeTooNew',
      message: expect.stringMatching(/layout 4, this Sluice knows 3; run the newer Sluice again/),
    })
  })

  test('when it belongs to another program', async () => {
    const path = temporaryPath()
    tamper(path, 'CREATE TABLE notes (text)')
    expect(await refused(path)).toMatchObject({
      code: 'storeCorrupt',
      message: expect.stringMatching(/application id is 0x0, not 0x534c4345, .* name another file/),
    })
  })

  test('when it is no database', async () => {
    const path = temporaryPath()
    writeFileSync(path, 'version: 1\n'.repeat(100))
    expect(await refused(path)).toMatchObject({
      code: 'storeCorrupt',
      message: expect.stringMatching(/not a SQLite database; restore it from a backup/),
    })
  })

  test('when it is cut off', async () => {
    const path = await used()
    writeFileSync(path, readFileSync(path).subarray(0, 9_000))
    expect(await refused(path)).toMatchObject({ code: 'storeCorrupt' })
  })

  test.for([1, 2, 3])('when page %d is overwritten', async (pageIndex) => {
    const path = await used()
    const bytes = readFileSync(path)
    bytes.fill(0xa5, pageIndex * 4096, (pageIndex + 1) * 4096)
    writeFileSync(path, bytes)
    expect(await refused(path)).toMatchObject({ code: 'storeCorrupt' })
  })
})

describe('a journal that was changed is not loaded', () => {
  test.for([
    ['an entry', `UPDATE events SET body = replace(body, 'because', 'no cause') WHERE seq = 2`, 2],
    ['a time', `UPDATE events SET at = at + 1 WHERE seq = 3`, 3],
    ['a hole', `DELETE FROM events WHERE seq = 2`, 2],
    ['an order', `UPDATE events SET seq = seq + 10 WHERE seq > 2`, 3],
    ['a link', `UPDATE events SET prev_hash = hash WHERE seq = 2`, 2],
    ['a hash', `UPDATE events SET hash = prev_hash WHERE seq = 1`, 1],
  ] as const)('%s', async ([, sql, place]) => {
    const path = temporaryPath()
    const store = await opened(path)
    await store.append([...entriesOf([abort]), ...entriesOf([abort])])
    await store.close()
    tamper(path, sql)
    await expect((await opened(path)).load()).rejects.toMatchObject({
      code: 'storeCorrupt',
      message: expect.stringMatching(
        new RegExp(`hash chain is broken at entry ${place}; restore it from a backup`),
      ),
    })
  })

  test.for([
    ['a snapshot', `UPDATE snapshots SET body = replace(body, 'shop-v2', 'shop-v9')`, /snapshot 2/],
    ['an end before it', 'DELETE FROM events WHERE seq = 2', /ends at entry 1/],
    ['an entry before it', 'UPDATE events SET at = 1 WHERE seq = 1', /entry 1/],
  ] as const)('%s', async ([, sql, message]) => {
    const path = temporaryPath()
    const store = await opened(path)
    await store.compact(fold(await store.append(entriesOf([abort]))), 0)
    await store.close()
    tamper(path, sql)
    await expect((await opened(path)).load()).rejects.toMatchObject({
      code: 'storeCorrupt',
      message: expect.stringMatching(message),
    })
  })
})

test.for([
  ['a folder that is not there', (path: string) => join(path, 'no', 'sluice.db')],
  ['a path that is a folder', (path: string) => join(path, '..')],
] as const)('%s is unavailable', async ([, pathOf]) => {
  await expect(openSqliteStore(pathOf(temporaryPath()), NOW_MS)).rejects.toMatchObject({
    code: 'storeUnavailable',
  })
})
