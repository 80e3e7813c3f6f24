/** Runs programs of others. Which of them are missing was found out before the tests (`test/setup/tools.ts`). */

import { execFileSync, spawn } from 'node:child_process'
import { inject, onTestFinished } from 'vitest'

export interface Ran {
  readonly code: number | null
  readonly stdout: Buffer
  readonly stderr: string
}

/** Whether tests that need one of these programs are skipped; never in CI, where they would fail before. */
export function lacks(...programs: readonly string[]): boolean {
  const missing = inject('missingPrograms')
  return programs.some((program) => missing.includes(program))
}

/** The path of a program that is there. */
export function whereIs(program: string): string {
  return execFileSync('sh', ['-c', `command -v ${program}`], { encoding: 'utf8' }).trim()
}

/** Runs a program to its end, `input` being its standard input; it is killed with the test. */
export function run(
  program: string,
  args: readonly string[],
  input: Buffer | string = '',
): Promise<Ran> {
  const child = spawn(program, args, { stdio: 'pipe' })
  const stdout: Buffer[] = []
  const stderr: Buffer[] = []
  child.stdout.on('data', (bytes: Buffer) => stdout.push(bytes))
  child.stderr.on('data', (bytes: Buffer) => stderr.push(bytes))
  // A program may end without having read everything.
  child.stdin.on('error', () => undefined).end(input)
  onTestFinished(() => void child.kill('SIGKILL'))
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => {
      resolve({ code, stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr).toString() })
    })
  })
}
