/** What only other processes show: the lock, `kill -9`, a full disk. */

import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { openSqliteStore } from '../../../src/control/store/sqlite.ts'
import { entriesOf, NOW_MS } from './entries.ts'
import { opened, temporaryPath } from './fixtures.ts'

const SCRIPT = fileURLToPath(new URL('./appender.ts', import.meta.url))

interface Appender {
  readonly process: ChildProcessByStdio<Writable, Readable, null>
  readonly lines: AsyncIterableIterator<string>
}

/** Starts the appender; `fileBlocks` (of 512 bytes) is the largest file that the system lets it write. */
function start(path: string, mode: 'hold' | 'append', fileBlocks?: number): Appender {
  const limit = fileBlocks === undefined ? '' : `ulimit -f ${fileBlocks}; `
  const child = spawn(
    'sh',
    ['-c', `${limit}exec "$0" "$@"`, process.execPath, SCRIPT, path, mode],
    {
      stdio: ['pipe', 'pipe', 'inherit'],
    },
  )
  onTestFinished(() => void child.kill('SIGKILL'))
  return { process: child, lines: createInterface(child.stdout)[Symbol.asyncIterator]() }
}

async function kill({ process: child }: Appender): Promise<void> {
  child.kill('SIGKILL')
  if (child.signalCode === null) await once(child, 'exit')
}

test('a second process is refused with the name of the first, until that one is killed', async () => {
  const path = temporaryPath()
  const holder = start(path, 'hold')
  expect((await holder.lines.next()).value).toBe('open')
  await expect(openSqliteStore(path, NOW_MS)).rejects.toMatchObject({
    code: 'storeLocked',
    message: expect.stringContaining(`process ${holder.process.pid} on `),
  })
  await kill(holder)
  expect(await (await opened(path)).lastSeq()).toBe(0)
})

test('a second opening in one process is refused too', async () => {
  const path = temporaryPath()
  const store = await opened(path)
  const second = { code: 'storeLocked', message: expect.stringContaining(`process ${process.pid}`) }
  await expect(openSqliteStore(path, NOW_MS)).rejects.toMatchObject(second)
  await store.append(entriesOf())
  await expect(openSqliteStore(path, NOW_MS)).rejects.toMatchObject(second)
})

/** Kills an appender after some acknowledgements, and compares them with what the store then holds. */
async function killWhileWriting(path: string, ackCount: number): Promise<void> {
  const appender = start(path, 'append')
  let ackedSeq = 0
  let count = 0
  for await (const line of appender.lines) {
    if (line !== 'open') ackedSeq = Number(line)
    if (++count > ackCount) break
  }
  await kill(appender)
  const store = await openSqliteStore(path, NOW_MS)
  const { seq } = await store.load()
  expect(seq).toBeGreaterThanOrEqual(ackedSeq)
  expect(seq % 3).toBe(0)
  await store.close()
}

test('what was acknowledged survives kill -9 during appends, whole and in one piece', async () => {
  const path = temporaryPath()
  await killWhileWriting(path, 1)
  await killWhileWriting(path, 10)
  await killWhileWriting(path, 37)
  await killWhileWriting(path, 100)
  await killWhileWriting(path, 250)
  expect(await (await opened(path)).lastSeq()).toBeGreaterThanOrEqual(3 * (1 + 10 + 37 + 100 + 250))
})

test('a full disk is unavailable, and costs nothing that was acknowledged', async () => {
  const path = temporaryPath()
  const appender = start(path, 'append', 400)
  const lines: string[] = []
  for await (const line of appender.lines) {
    lines.push(line)
    if (line.startsWith('{')) break
  }
  expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({ code: 'storeUnavailable' })
  await kill(appender)
  const store = await opened(path)
  expect((await store.load()).seq).toBe(Number(lines.at(-2)))
  const [entry] = await store.append(entriesOf())
  expect(entry?.seq).toBe(Number(lines.at(-2)) + 1)
})
