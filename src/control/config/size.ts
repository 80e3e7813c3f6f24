/**
 * Sizes as people write them (`16KiB`, `1MiB`, or bytes) and as the code counts them: bytes.
 *
 * Only the binary units: half of the neighbours read `KB` as 1000 bytes, the other half as 1024.
 */

import { quote, refused } from './wording.ts'

const UNITS = [
  { name: 'TiB', bytes: 1024 ** 4 },
  { name: 'GiB', bytes: 1024 ** 3 },
  { name: 'MiB', bytes: 1024 ** 2 },
  { name: 'KiB', bytes: 1024 },
] as const

/** The grammar of a size, for the JSON Schema. */
export const SIZE_PATTERN = '^[0-9]+(KiB|MiB|GiB|TiB)?$'

/** Returns the bytes of a size such as `16KiB`; throws `CodedError` (`invalidConfig`) where it is none. */
export function parseSize(text: string): number {
  if (!new RegExp(SIZE_PATTERN).test(text)) {
    throw refused(
      `${quote(text)} is not a size; write bytes or a whole number with KiB, MiB or GiB, such as 16KiB`,
    )
  }
  const unit = UNITS.find(({ name }) => text.endsWith(name))
  return Number.parseInt(text, 10) * (unit?.bytes ?? 1)
}

/** Returns the shortest text that `parseSize` reads as these whole bytes. */
export function formatSize(bytes: number): string {
  const unit = UNITS.find((candidate) => bytes > 0 && bytes % candidate.bytes === 0)
  return unit === undefined ? String(bytes) : `${bytes / unit.bytes}${unit.name}`
}
