import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { ProviderError } from '../../../src/control/providers/failure.ts'
import {
  HTTP_LIMITS,
  HttpClient,
  type HttpLimits,
  type Question,
} from '../../../src/control/providers/http.ts'
import { answering, json } from './answering.ts'

function clientWith(limits: Partial<HttpLimits> = {}): HttpClient {
  const client = new HttpClient({ limits: { ...HTTP_LIMITS, ...limits } })
  onTestFinished(() => client.close())
  return client
}

function get(url: string): Question {
  return { method: 'GET', url, headers: {} }
}

async function failureOf(asking: Promise<unknown>): Promise<string> {
  try {
    await asking
  } catch (error) {
    expect(error).toBeInstanceOf(ProviderError)
    return error instanceof Error ? error.message : ''
  }
  throw new Error('there was an answer')
}

test('an answer of any status comes with its text, and headers and body are sent', async () => {
  const server = await answering(json({ sorry: true }, 422))
  const answer = await clientWith().ask({
    method: 'POST',
    url: `${server.address}/x?y=1`,
    headers: { authorization: 'Bearer t' },
    body: 'a=b',
  })
  expect(answer).toEqual({ status: 422, text: '{"sorry":true}' })
  expect(server.asked[0]).toMatchObject({ method: 'POST', body: 'a=b' })
  expect(server.asked[0]?.headers).toMatchObject({
    authorization: 'Bearer t',
    accept: 'application/json',
  })
})

describe('a failure has its reason, with the place but not the query', () => {
  test('a redirect is not followed', async () => {
    const target = await answering(json({}))
    const { address } = await answering((_asked, response) => {
      response.writeHead(302, { location: target.address }).end()
    })
    expect(await failureOf(clientWith().ask(get(`${address}/a?secret=1`)))).toBe(
      `${address}/a: it answered 302, and redirects are not followed`,
    )
    expect(target.asked).toEqual([])
  })

  test('an answer that is too large is cut', async () => {
    const { address } = await answering((_asked, response) => {
      response.write('x'.repeat(2_000))
    })
    expect(await failureOf(clientWith({ bodyBytes: 1_000 }).ask(get(address)))).toBe(
      `${address}: the answer is larger than 1000 bytes`,
    )
  })

  test.for(['no head', 'no end'])('%s in time', async (lacking) => {
    const { address } = await answering((_asked, response) => {
      if (lacking === 'no end') response.write('{')
    })
    expect(await failureOf(clientWith().ask({ ...get(address), timeoutMs: 50 }))).toBe(
      `${address}: no answer within 50 ms`,
    )
  })

  test('nobody is there', async () => {
    expect(await failureOf(clientWith().ask(get('http://127.0.0.1:1/x')))).toBe(
      'http://127.0.0.1:1/x: the connection was refused',
    )
  })

  test('the connection breaks', async () => {
    const { address } = await answering((_asked, response) => {
      response.writeHead(200, { 'content-length': '10' }).write('12345')
      response.socket?.destroy()
    })
    expect(await failureOf(clientWith().ask(get(address)))).toMatch(
      /: (?:the connection broke|the connection was reset|.*aborted)/u,
    )
  })

  test('it was given up', async () => {
    const { address } = await answering(() => {})
    const controller = new AbortController()
    const asking = clientWith().ask(get(address), controller.signal)
    controller.abort()
    expect(await failureOf(asking)).toBe(`${address}: it was given up`)
  })
})

/** Answers only when told to. */
async function holding() {
  const held: (() => void)[] = []
  const server = await answering((_asked, response) => {
    held.push(() => response.end('{}'))
  })
  return { ...server, held }
}

describe('at once', () => {
  test('only so many are asked; the others wait for their turn', async () => {
    const { address, asked, held } = await holding()
    const client = clientWith({ concurrency: 2 })
    const all = Array.from({ length: 5 }, () => client.ask(get(address)))
    for (let count = 2; count <= 5; count++) {
      await vi.waitFor(() => expect(asked).toHaveLength(count))
      held[count - 2]!()
    }
    held.at(-1)!()
    expect((await Promise.all(all)).map(({ status }) => status)).toEqual([200, 200, 200, 200, 200])
  })

  test('one more than may wait is refused, and who waits too long leaves the line', async () => {
    const { address, asked, held } = await holding()
    const client = clientWith({ concurrency: 1, waiting: 1 })
    const first = client.ask(get(address))
    const second = client.ask({ ...get(address), timeoutMs: 100 })
    expect(await failureOf(client.ask(get(address)))).toBe(
      `${address}: 1 questions to providers wait already`,
    )
    expect(await failureOf(second)).toBe(`${address}: no answer within 100 ms`)
    const third = client.ask(get(address))
    held[0]!()
    await first
    await vi.waitFor(() => expect(asked).toHaveLength(2))
    held[1]!()
    expect((await third).status).toBe(200)
  })
})
