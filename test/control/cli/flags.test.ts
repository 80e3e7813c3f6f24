import { beforeEach, describe, expect, test } from 'vitest'
import { openFlagApi, type Open } from '../api/flag-api.ts'
import { sluice } from './harness.ts'

let open: Open
let env: { SLUICE_SERVER: string; TZ: string }

beforeEach(async () => {
  open = await openFlagApi()
  env = { SLUICE_SERVER: open.served.url, TZ: 'UTC' }
})

async function flag(...args: readonly string[]) {
  return sluice(['flag', ...args], { env })
}

describe('flag', () => {
  test('create, list, ramp, show and off', async () => {
    const made = await flag('create', 'checkout', '--description', 'the new one')
    expect(made).toMatchObject({ code: 0, stderr: expect.stringContaining('flag ramp checkout') })
    const ramped = await flag('ramp', 'checkout', '--share', '12.5')
    expect(ramped).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('12.5 % of its audience'),
    })
    const { stdout } = await flag('list')
    expect(stdout).toMatch(/^checkout +12.5 % +12.5 % of its audience +- +-$/m)
    expect(stdout).toMatch(/^team +inline +3 +-$/m)
    expect((await flag('off', 'checkout', '--reason', 'it smells')).code).toBe(0)
    const shown = await flag('show', 'checkout')
    expect(shown.stdout).toContain('anonymous: switched off: it smells')
    expect((await flag('delete', 'checkout')).code).toBe(0)
    expect((await flag('show', 'checkout')).code).toBe(1)
  })

  test('ramp by a rollout', async () => {
    await flag('create', 'checkout')
    const args = [
      '--route',
      'shop',
      '--to',
      'shop-v2',
      '--traffic-split',
      '5,100',
      '--interval',
      '1m',
    ]
    const { code, stdout } = await flag('ramp', 'checkout', ...args)
    expect(code).toBe(0)
    expect(stdout).toMatch(/^checkout +5 % +as rollout shop-1 +shop-1 +-$/m)
  })

  test('ramp by a schedule that begins later', async () => {
    await flag('create', 'checkout')
    const at = ['--at', '2100-01-01T00:00:00+01:00']
    await flag('ramp', 'checkout', '--traffic-split', '5,100', '--interval', '2h', ...at)
    const { stdout } = await flag('show', 'checkout')
    expect(stdout).toContain('comes      2099-12-31T23:00:00.000Z 5 %')
    expect(stdout).toContain('comes      2100-01-01T01:00:00.000Z 100 %')
  })

  test('audience', async () => {
    const gold = '{"==":[{"var":"header.x-plan"},"gold"]}'
    await flag('create', 'checkout', '--audience', gold)
    expect((await flag('show', 'checkout')).stdout).toContain(`audience   ${gold}`)
    await flag('audience', 'checkout')
    expect((await flag('show', 'checkout')).stdout).toContain('audience   everybody')
    const wrong = await flag('audience', 'checkout', '--audience', '{"in_list": []}')
    expect(wrong).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('no operator "in_list"'),
    })
  })

  test('a proposal says who must act next', async () => {
    open.house.approval = 'required'
    await flag('create', 'checkout')
    const { stderr } = await flag('ramp', 'checkout', '--share', '5')
    expect(stderr).toContain('Somebody else approves it with: sluice flag approve checkout')
    expect((await flag('approve', 'checkout')).code).toBe(4)
  })

  test.for([
    ['a route alone', ['--route', 'shop'], '--route needs --to'],
    [
      'a share with a rollout',
      ['--route', 'shop', '--to', 'shop-v2', '--share', '5'],
      'a rollout has steps',
    ],
    ['criteria without a rollout', ['--success-criteria', 'error_rate<1%'], 'needs --route'],
    ['a share beyond all', ['--share', '101'], 'from 0 to 100'],
    ['a time without a zone', ['--share', '1', '--at', '2100-01-01T00:00:00'], 'with its zone'],
  ] as const)('%s is a mistake of usage', async ([, args, why]) => {
    await flag('create', 'checkout')
    const { code, stderr } = await flag('ramp', 'checkout', ...args)
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining(why) })
  })
})
