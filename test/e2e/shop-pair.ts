/** Two small upstreams in this process, on free ports: what a stable and a canary build answer. */

import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Shop {
  readonly port: number
  /** Requests that have arrived. */
  readonly count: () => number
  /** Share of requests answered 500, 0 to 1. */
  failRatio: number
  readonly server: Server
}

export interface ShopPair {
  readonly stable: Shop
  readonly canary: Shop
  close(): Promise<void>
}

export async function startShopPair(): Promise<ShopPair> {
  const [stable, canary] = await Promise.all([startShop('v1'), startShop('v2')])
  return {
    stable,
    canary,
    async close() {
      await Promise.all([stable, canary].map(({ server }) => closeServer(server)))
    },
  }
}

async function startShop(version: string): Promise<Shop> {
  let count = 0
  const server = createServer((_request, response) => {
    count++
    response.statusCode = count % 100 < shop.failRatio * 100 ? 500 : 200
    response.end(`${version}\n`)
  })
  const shop: Shop = { port: await listen(server), count: () => count, failRatio: 0, server }
  return shop
}

function listen(server: Server): Promise<number> {
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port))
  })
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}
