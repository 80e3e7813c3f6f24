/** What is gRPC, how long it may take, how it ended. */

import { describe, expect, test } from 'vitest'
import { UPSTREAM_FAILURES } from '../../src/proxy/failure.ts'
import {
  grpcCodeFor,
  grpcFailureLines,
  grpcStatusIn,
  grpcTimeoutMs,
  isGrpcType,
} from '../../src/proxy/grpc.ts'

test.for([
  ['application/grpc', true],
  ['Application/GRPC', true],
  ['application/grpc+proto', true],
  ['application/grpc;charset=x', true],
  ['application/grpc-web', false],
  ['application/grpcx', false],
  ['text/plain', false],
  ['', false],
] as const)('content of the type %j is gRPC: %s', ([type, isGrpc]) => {
  expect(isGrpcType(type)).toBe(isGrpc)
})

test.for([
  ['1H', 3_600_000],
  ['2M', 120_000],
  ['3S', 3_000],
  ['450m', 450],
  ['5000u', 5],
  ['5000000n', 5],
  ['0S', 0],
  ['99999999H', 99_999_999 * 3_600_000],
  ['100000000S', Infinity],
  ['1', Infinity],
  ['1s', Infinity],
  ['-1S', Infinity],
  [' 1S', Infinity],
  ['', Infinity],
  [null, Infinity],
] as const)('a timeout of %j is %d ms', ([value, ms]) => {
  expect(grpcTimeoutMs(value)).toBeCloseTo(ms)
})

test.for([
  ['grpc-status: 0\r\n', 0],
  ['x: 1\r\nGrpc-Status:\t16 \r\ny: 2\r\n', 16],
  ['grpc-status: 17\r\n', 2],
  ['grpc-status: 014\r\n', 2],
  ['grpc-status:\r\n', 2],
  ['x-grpc-status: 0\r\n', -1],
  ['', -1],
] as const)('the status in %j is %d', ([lines, code]) => {
  expect(grpcStatusIn(lines)).toBe(code)
})

describe('the code for a status', () => {
  test('is that of the mapping of gRPC', () => {
    expect([400, 401, 403, 404, 429, 502, 503, 504, 500].map(grpcCodeFor)).toEqual([
      13, 16, 7, 12, 14, 14, 14, 14, 2,
    ])
  })

  test('of a deadline is its own', () => {
    expect(grpcFailureLines(UPSTREAM_FAILURES.deadline)).toContain('grpc-status: 4\r\n')
    expect(grpcFailureLines(UPSTREAM_FAILURES.responseTimeout)).toContain('grpc-status: 14\r\n')
  })
})
