/**
 * CPU time that a process group has used, user and system time together.
 *
 * Linux: the first number of /proc/PID/task/TID/schedstat, nanoseconds on a CPU, summed over every thread of every
 * process of the group (worker threads, garbage collector and JIT threads, nginx' master and worker). It is exact
 * for a sleeping thread and at most one scheduler tick (1 to 10 ms) behind for a running one. `utime` and `stime` of
 * /proc/PID/stat were rejected as the first source since they count in whole ticks of 10 ms, per process; they serve
 * where the kernel has no schedstat. Elsewhere `ps` is asked, to 10 ms on macOS.
 */

import { execFileSync } from 'node:child_process'
import { readFileSync, readdirSync } from 'node:fs'

/** In words, for the report. */
export type CpuSource =
  | 'schedstat of every thread, nanoseconds'
  | 'utime + stime of /proc/PID/stat, ticks of 10 ms'
  | 'ps, as fine as it prints'

/** Where this platform's CPU times come from. */
export function cpuSource(): CpuSource {
  if (process.platform !== 'linux') return 'ps, as fine as it prints'
  return read('/proc/self/schedstat') === null
    ? 'utime + stime of /proc/PID/stat, ticks of 10 ms'
    : 'schedstat of every thread, nanoseconds'
}

/** Seconds of CPU time that the living processes of the group have used since their start. */
export function groupCpuSeconds(groupId: number): number {
  switch (cpuSource()) {
    case 'schedstat of every thread, nanoseconds':
      return sum(groupProcesses(groupId).flatMap(threadSeconds))
    case 'utime + stime of /proc/PID/stat, ticks of 10 ms':
      return sum(groupProcesses(groupId).map(tickSeconds))
    case 'ps, as fine as it prints':
      return psSeconds(groupId)
  }
}

function groupProcesses(groupId: number): string[] {
  return readdirSync('/proc').filter(
    (name) => /^\d+$/.test(name) && Number(statFields(name)[2]) === groupId,
  )
}

/** The fields of /proc/PID/stat after the command's name: state, parent, group, ...; empty if the process is gone. */
function statFields(pid: string): string[] {
  const stat = read(`/proc/${pid}/stat`)
  // The name stands in parentheses and may hold any byte, `)` and blanks too.
  return stat === null ? [] : stat.slice(stat.lastIndexOf(')') + 2).split(' ')
}

function threadSeconds(pid: string): number[] {
  return list(`/proc/${pid}/task`).map((tid) => {
    const nanoseconds = read(`/proc/${pid}/task/${tid}/schedstat`)?.split(' ')[0]
    return Number(nanoseconds ?? 0) / 1e9
  })
}

function tickSeconds(pid: string): number {
  const fields = statFields(pid)
  return (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) / 100
}

function psSeconds(groupId: number): number {
  const lines = execFileSync('ps', ['-A', '-o', 'pgid=,time='], { encoding: 'utf8' }).split('\n')
  const times = lines.map((line) => line.trim().split(/\s+/))
  return sum(
    times
      .filter(([group]) => Number(group) === groupId)
      .map(([, time]) => clockSeconds(time ?? '')),
  )
}

/** `[[DD-]HH:]MM:SS[.CC]` to seconds. */
export function clockSeconds(text: string): number {
  const [days, clock] = text.includes('-') ? text.split('-', 2) : ['0', text]
  const parts = (clock ?? '').split(':').map(Number)
  return Number(days) * 86_400 + parts.reduce((total, part) => total * 60 + part, 0)
}

function read(path: string): string | null {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return null // The process or thread has ended meanwhile, or the kernel has no such file.
  }
}

function list(path: string): string[] {
  try {
    return readdirSync(path)
  } catch {
    return []
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}
