/** Counting connections by address. */

import { expect, test } from 'vitest'
import { Admission } from '../../../src/proxy/listener/admission.ts'

test('an address has as many as it may, whatever the others have', () => {
  const admission = new Admission()
  const enter = (address: string): boolean => admission.enter(address, 2)
  expect(['a', 'a', 'a', 'b', 'a'].map(enter)).toEqual([true, true, false, true, false])
})

test('whoever leaves makes room for one', () => {
  const admission = new Admission()
  for (const address of ['a', 'a']) admission.enter(address, 2)
  admission.leave('a')
  expect([admission.enter('a', 2), admission.enter('a', 2)]).toEqual([true, false])
})

test('a limit that has been lowered holds for those that come', () => {
  const admission = new Admission()
  for (let i = 0; i < 3; i++) admission.enter('a', 3)
  admission.leave('a')
  expect(admission.enter('a', 1)).toBe(false)
})

test('addresses that have gone are forgotten', () => {
  const admission = new Admission()
  for (const address of ['a', 'b', 'a']) admission.enter(address, 9)
  for (const address of ['a', 'b']) admission.leave(address)
  expect(admission.size).toBe(1)
  admission.leave('a')
  expect(admission.size).toBe(0)
})
