/** What becomes of requests over HTTP/2 whose endpoint is ejected because it answers nothing; see also `exchange/endpoints.test.ts`. */

import { expect, test } from 'vitest'
import { ejected, STEADY } from '../../../src/proxy/upstream/ejection.ts'
import { NEVER } from '../../../src/proxy/upstream/upstream.ts'
import { eventually } from '../exchange/eventually.ts'
import { RULES } from './fleet.ts'
import { startHouse } from './house.ts'
import { startHttp2 } from './servers.ts'

async function askThree() {
  let streamCount = 0
  const server = await startHttp2((stream, headers) => {
    streamCount++
    if (headers[':path'] === '/slow') stream.respond({ ':status': 200 })
  })
  const house = startHouse(server.port)
  const movable = Object.assign(house.ask(), { isMovable: true })
  const answered = Object.assign(house.ask({ target: '/slow' }), { isMovable: true })
  const fixed = house.ask()
  await eventually(() => streamCount).toBe(3)
  await eventually(() => answered.head).not.toBeNull()
  return { house, movable, answered, fixed }
}

test('those that can go elsewhere are given up; others, and those that have a head, go on', async () => {
  const { house, movable, answered, fixed } = await askThree()
  house.endpoint.eject(ejected(STEADY, 'silence', { rules: RULES, nowMs: 0 }))
  expect(movable.failure).toEqual({ reason: 'responseTimeout', retry: NEVER })
  expect([answered.failure, fixed.failure]).toEqual([null, null])
  expect(house.endpoint.isFit).toBe(false)
  answered.upstream!.close()
  fixed.upstream!.close()
})

test('for any other reason all go on', async () => {
  const { house, movable, answered, fixed } = await askThree()
  house.endpoint.eject(ejected(STEADY, 'latency', { rules: RULES, nowMs: 0 }))
  expect([movable.failure, answered.failure, fixed.failure]).toEqual([null, null, null])
  for (const { upstream } of [movable, answered, fixed]) upstream!.close()
})
