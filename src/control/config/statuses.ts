/**
 * Which answers a route may count as errors: HTTP statuses, alone or by class, and gRPC's statuses by number or name.
 *
 * gRPC's are named as its specification names them (doc/statuscodes.md of grpc/grpc).
 */

import { didYouMean, quote, refused } from './wording.ts'

/** In the order of their numbers, from 0. */
const GRPC_NAMES = [
  'OK',
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
]

/** For editors. */
export const STATUS_FORMS = [
  { type: 'integer', minimum: 100, maximum: 599 },
  { enum: ['1xx', '2xx', '3xx', '4xx', '5xx'] },
]
export const GRPC_STATUS_FORMS = [
  { type: 'integer', minimum: 0, maximum: GRPC_NAMES.length - 1 },
  { enum: GRPC_NAMES },
]

/** Returns the statuses that a number or a class such as `5xx` stands for. */
export function readStatuses(text: string): readonly number[] {
  if (/^[1-5]xx$/i.test(text)) {
    const first = Number(text[0]) * 100
    return Array.from({ length: 100 }, (_, i) => first + i)
  }
  if (/^[1-5]\d\d$/.test(text)) return [Number(text)]
  throw refused(`${quote(text)} is not a status; write one from 100 to 599, or a class such as 5xx`)
}

/** Returns gRPC's number of a number or name. */
export function readGrpcStatus(text: string): number {
  const name = text.toUpperCase()
  const number = /^\d{1,2}$/.test(text) ? Number(text) : GRPC_NAMES.indexOf(name)
  if (number in GRPC_NAMES) return number
  const advice = /^-?\d+$/.test(text) ? '0 to 16 are possible' : didYouMean(name, GRPC_NAMES)
  throw refused(`${quote(text)} is not a status of gRPC; ${advice}`)
}
