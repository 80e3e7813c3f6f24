import { expect, test } from 'vitest'
import { CodedError } from '../../../src/control/coded-error.ts'
import { newHouse } from './house.ts'

test('what snapshots are made of beside rollouts is published anew when it is asked for', async () => {
  const house = await newHouse()
  await house.start()
  const before = house.log.length
  await house.engine.republish()
  expect(house.log.slice(before)).toEqual([expect.stringMatching(/^route/)])
})

test('a publication that the threads do not take is tried again', async () => {
  const house = await newHouse()
  house.routingFault = new CodedError('routingFailed', 'the threads do not answer')
  await expect(house.engine.republish()).rejects.toMatchObject({ code: 'routingFailed' })
  house.routingFault = null
  const before = house.log.length
  await house.pass(2_000)
  expect(house.log.slice(before)).toEqual([expect.stringMatching(/^route/)])
})
