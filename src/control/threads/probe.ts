/**
 * Whether the listeners' addresses are ours to take.
 *
 * Threads share a port by `reusePort`, and the kernel would let a second Sluice share it too: half of the
 * traffic would follow the one, half the other. So each address is bound once without sharing first.
 */

import { createServer } from 'node:net'
import type { Listener } from '../../proxy/snapshot.ts'
import { CodedError } from '../coded-error.ts'
import { collide } from '../config/address.ts'

type NamedAddress = Pick<Listener, 'name' | 'host' | 'port'>

/**
 * Rejects with `CodedError` `cannotListen` on the first address that cannot be had. Those that we hold ourselves, or
 * that one of ours is in the way of, are the threads' to try.
 */
export async function requireFreeAddresses(
  wanted: readonly NamedAddress[],
  held: readonly NamedAddress[] = [],
): Promise<void> {
  const isOurs = (address: NamedAddress) => held.some((own) => collide(own, address))
  await Promise.all(wanted.filter((each) => each.port !== 0 && !isOurs(each)).map(probe))
}

function probe({ name, host, port }: NamedAddress): Promise<void> {
  const server = createServer()
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const why = REASONS[error.code ?? ''] ?? error.message
      reject(
        new CodedError(
          'cannotListen',
          `Cannot listen on ${host}:${port} (listener "${name}"): ${why}`,
        ),
      )
    })
    server.listen({ host, port }, () => server.close(() => resolve()))
  })
}

const REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another process listens there; stop it or choose another port',
  EACCES: 'ports below 1024 need the right CAP_NET_BIND_SERVICE; choose another port or grant it',
  EADDRNOTAVAIL: 'this machine has no such address',
}
