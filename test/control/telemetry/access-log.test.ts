import {
  closeSync,
  constants,
  createReadStream,
  openSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises'
import { execFileSync } from 'node:child_process'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { AccessLogFile, QUEUE_LIMIT_BYTES } from '../../../src/control/telemetry/access-log.ts'

let folder: string
const logged: string[] = []
const log = {
  info: (message: string) => void logged.push(`info ${message}`),
  error: (message: string) => void logged.push(`error ${message}`),
}

beforeEach(async () => {
  logged.length = 0
  const made = await mkdtemp(join(tmpdir(), 'access-'))
  folder = made
  return () => rm(made, { recursive: true })
})

function at(name: string): string {
  return join(folder, name)
}

function fileAt(name: string): AccessLogFile {
  const file = new AccessLogFile(at(name), log)
  onTestFinished(() => file.close())
  return file
}

test('batches are appended in their order to what is there', async () => {
  writeFileSync(at('a.log'), 'old\n')
  const file = fileAt('a.log')
  await Promise.all(['1\n2\n', '3\n', '4\n5\n6\n'].map((lines) => file.write(lines)))
  expect(readFileSync(at('a.log'), 'latin1')).toBe('old\n1\n2\n3\n4\n5\n6\n')
  expect(file).toMatchObject({ lostLineCount: 0, errorCount: 0 })
})

test('a new file is for its owner and the group that reads logs', async () => {
  await fileAt('a.log').write('1\n')
  expect(statSync(at('a.log')).mode & 0o137).toBe(0)
})

test('nothing is opened before there is something to write', async () => {
  const file = fileAt('a.log')
  await file.reopen()
  expect(() => statSync(at('a.log'))).toThrow('ENOENT')
})

test('rotation loses no line: a renamed file is written to until it is let go', async () => {
  const file = fileAt('a.log')
  await file.write('1\n')
  await rename(at('a.log'), at('a.log.1'))
  await file.write('2\n')
  const before = file.write('3\n')
  const reopened = file.reopen()
  const after = file.write('4\n')
  await Promise.all([before, reopened, after])
  expect(readFileSync(at('a.log.1'), 'latin1')).toBe('1\n2\n3\n')
  expect(readFileSync(at('a.log'), 'latin1')).toBe('4\n')
})

test('another path is taken from the next batch on', async () => {
  const file = fileAt('a.log')
  const before = file.write('1\n')
  const reopened = file.reopen(at('b.log'))
  await Promise.all([before, reopened, file.write('2\n')])
  expect(readFileSync(at('a.log'), 'latin1')).toBe('1\n')
  expect(readFileSync(at('b.log'), 'latin1')).toBe('2\n')
})

describe('what cannot be written', () => {
  test('is counted, told once, and writing goes on as soon as it is possible', async () => {
    const file = fileAt('none/a.log')
    await file.write('1\n2\n')
    await file.write('3\n')
    expect(file).toMatchObject({ lostLineCount: 3, errorCount: 2 })
    expect(logged).toEqual([
      expect.stringMatching(/^error Cannot write the access log to .*a\.log: ENOENT/),
    ])
    await mkdir(at('none'))
    await file.write('4\n')
    await file.write('5\n')
    expect(readFileSync(at('none/a.log'), 'latin1')).toBe('4\n5\n')
    expect(logged.slice(1)).toEqual([`info The access log is written to ${at('none/a.log')} again`])
  })

  test('is more than may wait: the batch is lost, and those before it are not', async () => {
    const file = fileAt('a.log')
    const first = file.write('1\n')
    await file.write(`${'x'.repeat(QUEUE_LIMIT_BYTES - 2)}\n`)
    await first
    await file.write('2\n')
    expect(readFileSync(at('a.log'), 'latin1')).toBe('1\n2\n')
    expect(file).toMatchObject({ lostLineCount: 1, errorCount: 0 })
  })

  test('leaves no half line for the next one to follow', async () => {
    // A limit of 512 bytes a file in another process: the kernel takes the beginning and then refuses.
    const script = `
      import { truncateSync } from 'node:fs'
      import { AccessLogFile, QUEUE_LIMIT_BYTES } from ${JSON.stringify(new URL('../../../src/control/telemetry/access-log.ts', import.meta.url))}
      process.on('SIGXFSZ', () => {})
      const said = []
      const log = { info: () => {}, error: (text) => said.push(text) }
      const file = new AccessLogFile(process.argv[1], log)
      await file.write('x'.repeat(400) + '\\n')
      await file.write('y'.repeat(400) + '\\n')
      // Somebody makes room again.
      truncateSync(process.argv[1], 450)
      await file.write('z\\n')
      await file.close()
      process.stdout.write(JSON.stringify([file.lostLineCount, file.errorCount, said.length]))
    `
    const command = `ulimit -f 1; exec "${process.execPath}" --input-type=module -e "$SCRIPT" "$FILE"`
    const env = { ...process.env, SCRIPT: script, FILE: at('full.log') }
    const said = execFileSync('sh', ['-c', command], { encoding: 'utf8', env })
    expect(JSON.parse(said)).toEqual([1, 1, 1])
    expect(readFileSync(at('full.log'), 'latin1')).toBe(
      `${'x'.repeat(400)}\n${'y'.repeat(49)}\nz\n`,
    )
  })
})

/** A pipe whose reader comes later; not blocking, as one that Node itself has used. */
function createPipe() {
  const path = at('pipe')
  execFileSync('mkfifo', [path])
  // Both ends, so that nobody waits for the other to open it.
  const fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK)
  onTestFinished(() => closeSync(fd))
  async function read(byteCount: number): Promise<number> {
    const input = createReadStream(path)
    onTestFinished(() => void input.destroy())
    let readBytes = 0
    for await (const chunk of input as AsyncIterable<Buffer>) {
      readBytes += chunk.length
      if (readBytes >= byteCount) break
    }
    return readBytes
  }
  return { fd, read }
}

describe('standard output', () => {
  const LINES = `${'x'.repeat(1023)}\n`.repeat(256)

  test('may be a pipe that is full for a while', async () => {
    const { fd, read } = createPipe()
    const file = new AccessLogFile('-', log, { stdout: fd })
    const written = file.write(LINES)
    expect(await read(LINES.length)).toBe(LINES.length)
    await written
    expect(file).toMatchObject({ errorCount: 0, lostLineCount: 0 })
  })

  test('is not waited for when the log is closed and nobody reads', async () => {
    const { fd, read } = createPipe()
    const file = new AccessLogFile('-', log, { stdout: fd, closeMs: 20 })
    let isWritten = false
    const written = file.write(LINES).then(() => (isWritten = true))
    await file.close()
    expect(isWritten).toBe(false)
    expect(await read(LINES.length)).toBe(LINES.length)
    expect(await written).toBe(true)
  })
})
