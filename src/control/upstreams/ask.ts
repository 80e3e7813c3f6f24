/** One health check, whatever its protocol: a finding, never a rejection. */

import type { HealthCheckConfig } from '../config/schema-health.ts'
import { askGrpc } from './ask-grpc.ts'
import { askHttp } from './ask-http.ts'
import { connectTo, type HealthTarget } from './connect.ts'
import type { Finding } from './health.ts'

/** Asks once, for at most `timeoutMs`; `closing` ends it before. */
export type Ask = (
  target: HealthTarget,
  check: Pick<HealthCheckConfig, 'question' | 'timeoutMs' | 'port'>,
  closing: AbortSignal,
) => Promise<Finding>

export const ask: Ask = async (target, { question, timeoutMs, port }, closing) => {
  const late = AbortSignal.timeout(timeoutMs)
  const signal = AbortSignal.any([late, closing])
  const asked = port === null ? target : { ...target, port }
  try {
    switch (question.protocol) {
      case 'http':
        return await askHttp(asked, question, signal)
      case 'grpc':
        return await askGrpc(asked, question.service, signal)
      case 'tcp': {
        const socket = await connectTo({ ...asked, tls: null }, signal)
        socket.destroy()
        return { isPassed: true }
      }
    }
  } catch (error) {
    const reason = late.aborted ? `did not answer within ${timeoutMs} ms` : reasonOf(error)
    return { isPassed: false, reason }
  }
}

/** Longer texts of errors are cut. */
const REASON_LENGTH = 200

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return `cannot be asked: ${String(error)}`
  const code = 'code' in error && typeof error.code === 'string' ? error.code : error.name
  const words = REASONS[code]
  return words ?? `cannot be asked: ${code}: ${error.message.slice(0, REASON_LENGTH)}`
}

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'refused the connection',
  ECONNRESET: 'reset the connection',
  EPIPE: 'reset the connection',
  EHOSTUNREACH: 'cannot be reached',
  ENETUNREACH: 'cannot be reached',
  ENOTFOUND: 'has a name that is not known',
  EAI_AGAIN: 'has a name that cannot be looked up now',
  UND_ERR_SOCKET: 'closed the connection before it answered',
}
