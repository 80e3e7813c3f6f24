/** A name server on UDP, small enough to see through: it answers A and AAAA from a table, and nothing else. */

import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { isIPv6 } from 'node:net'
import { onTestFinished } from 'vitest'

const HEADER_BYTES = 12
const TYPE_A = 1
const TYPE_AAAA = 28
/** Answer, recursion desired and available. */
const FLAGS = 0x8180
const NAME_ERROR = 3

export interface DnsTable {
  /** Addresses of either family by name. */
  readonly names: Map<string, readonly string[]>
  ttl: number
}

/** Resolves to `address:port`. */
export async function startDns(table: DnsTable): Promise<string> {
  const socket = createSocket('udp4')
  socket.on('message', (question, { address, port }) => {
    socket.send(answerTo(question, table), port, address)
  })
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  onTestFinished(() => void socket.close())
  return `127.0.0.1:${socket.address().port}`
}

function answerTo(question: Buffer, { names, ttl }: DnsTable): Buffer {
  const { name, end } = readName(question)
  const type = question.readUInt16BE(end)
  const addresses = names.get(name)
  const wanted = (addresses ?? []).filter((each) => isIPv6(each) === (type === TYPE_AAAA))
  const asked = question.subarray(HEADER_BYTES, end + 4)
  const header = Buffer.alloc(HEADER_BYTES)
  question.copy(header, 0, 0, 2)
  header.writeUInt16BE(FLAGS | (addresses === undefined ? NAME_ERROR : 0), 2)
  header.writeUInt16BE(1, 4)
  header.writeUInt16BE(wanted.length, 6)
  return Buffer.concat([header, asked, ...wanted.map((each) => record(each, ttl))])
}

function readName(question: Buffer): { readonly name: string; readonly end: number } {
  const labels: string[] = []
  let at = HEADER_BYTES
  while (question[at] !== 0) {
    const length = question[at]!
    labels.push(question.toString('latin1', at + 1, at + 1 + length))
    at += 1 + length
  }
  return { name: labels.join('.').toLowerCase(), end: at + 1 }
}

/** Its name is a pointer to that of the question. */
function record(address: string, ttl: number): Buffer {
  const bytes = isIPv6(address)
    ? Buffer.from(`${address.split('::')[0]!.padStart(4, '0')}${'0'.repeat(27)}1`, 'hex')
    : Buffer.from(address.split('.').map(Number))
  const head = Buffer.alloc(HEADER_BYTES)
  head.writeUInt16BE(0xc000 | HEADER_BYTES, 0)
  head.writeUInt16BE(isIPv6(address) ? TYPE_AAAA : TYPE_A, 2)
  head.writeUInt16BE(1, 4)
  head.writeUInt32BE(ttl, 6)
  head.writeUInt16BE(bytes.length, 10)
  return Buffer.concat([head, bytes])
}
