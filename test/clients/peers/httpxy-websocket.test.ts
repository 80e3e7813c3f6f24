/**
 * What the suite of unjs/httpxy asks of a proxy for WebSocket, asked of Sluice in our own words. Messages themselves are
 * in ws.test.ts, and what was left out, and why, in README.md.
 */

import { once } from 'node:events'
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { type Client, connectClient } from '../../proxy/exchange/client.ts'
import { eventually } from '../../proxy/exchange/eventually.ts'
import { valueOf, valuesOf } from '../../proxy/exchange/message.ts'
import { type Proxy, startProxy } from '../../proxy/exchange/proxy.ts'
import { openTunnel, startSwitching, SWITCH, UPGRADE } from '../../proxy/exchange/switching.ts'
import { type Script, startUpstream } from '../../proxy/exchange/upstream.ts'
import { WebSocketServer } from 'ws'
import { dial, echo, startWebSocket } from '../websocket.ts'
import { serveSecure } from './ask.ts'

const MIB = 1024 * 1024

async function upgrade(script: Script): Promise<{ client: Client; proxy: Proxy }> {
  const upstream = await startUpstream(script)
  const proxy = await startProxy({ stable: [upstream.port] })
  const client = await connectClient(proxy.port)
  client.send(UPGRADE)
  return { client, proxy }
}

describe('ws.test: what is no upgrade to WebSocket', () => {
  test.for([
    ['another method', UPGRADE.replace('GET ', 'POST ')],
    ['another protocol', UPGRADE.replace(/upgrade: websocket/i, 'Upgrade: h2c')],
    ['no protocol', UPGRADE.replace(/upgrade: websocket\r\n/i, '')],
  ] as const)('%s is never a tunnel', async ([, text]) => {
    const upstream = await startUpstream()
    const proxy = await startProxy({ stable: [upstream.port] })
    const client = await connectClient(proxy.port)
    client.send(text)
    expect((await client.answer()).status).not.toBe(101)
    for (const { head } of upstream.requests) expect(valueOf(head, 'upgrade')).toBeUndefined()
    expect(proxy.counted().tunnelsOpened).toBe(0)
  })
})

describe('ws.test: the answer to an upgrade', () => {
  test('each of several cookies comes', async () => {
    const cookies = ['a=1', 'b=2', 'c=3']
    const lines = cookies.map((cookie) => `Set-Cookie: ${cookie}\r\n`).join('')
    const upstream = await startSwitching(SWITCH.replace('\r\n\r\n', `\r\n${lines}\r\n`))
    const proxy = await startProxy({ stable: [upstream.port] })
    const { client, head } = await openTunnel(proxy, upstream)
    expect(valuesOf(head, 'set-cookie')).toEqual(cookies)
    expect(head.text).not.toContain('undefined')
    client.reset()
  })

  test('an upstream that cuts its refusal half way is no end of the proxy', async () => {
    const { client, proxy } = await upgrade((request) => {
      request.send('HTTP/1.1 502 Bad\r\nContent-Length: 100\r\n\r\npartial')
      request.end()
    })
    await eventually(() => client.reader.ending).not.toBe('open')
    expect(proxy.counted()).toMatchObject({ tunnelsOpened: 0, codes: { 'GET 502': 1 } })
  })

  test('an upstream that leaves instead is a 502', async () => {
    const { client } = await upgrade((request) => request.reset())
    expect((await client.answer()).status).toBe(502)
  })
})

describe('ws.test: who leaves', () => {
  test('a client that leaves before the answer takes the request along', async () => {
    const upstream = await startSwitching('')
    const proxy = await startProxy({ stable: [upstream.port] })
    const client = await connectClient(proxy.port)
    client.send(UPGRADE)
    await eventually(() => upstream.switched.length).toBe(1)
    client.reset()
    expect(await upstream.switched[0]!.reader.end()).not.toBe('open')
    expect(proxy.counted().clientAborts).toBe(1)
  })

  test.for(['client', 'far'] as const)('when the %s leaves, the other side hears', async (who) => {
    const pair = await startWebSocket(echo)
    const heard = once(who === 'client' ? pair.far : pair.client, 'close')
    pair[who].terminate()
    await heard
    await eventually(() => pair.proxy.counted().tunnelsClosed).toBe(1)
  })
})

test('ws.test: an upstream over TLS', async () => {
  const { server, endpoint } = await serveSecure((_, response) => response.end())
  const far = new WebSocketServer({ server })
  far.on('connection', echo)
  const proxy = await startProxy({ stable: [endpoint] })
  const { socket } = dial(proxy)
  await once(socket, 'open')
  socket.send('over TLS')
  expect(String((await once(socket, 'message'))[0])).toBe('over TLS')
  socket.terminate()
})

describe('ws-response.test: a refusal', () => {
  test('in chunks arrives whole, with its fields', async () => {
    const { client } = await upgrade((request) =>
      request.send(
        'HTTP/1.1 401 Authentication Required\r\nSet-Cookie: first=1\r\nSet-Cookie: second=2\r\n' +
          'WWW-Authenticate: Basic realm=websocket\r\nX-Message: caf\xe9\r\nTransfer-Encoding: chunked\r\n\r\n' +
          'b\r\npermission \r\n6\r\ndenied\r\n0\r\n\r\n',
      ),
    )
    const answer = await client.answer()
    expect([answer.startLine, answer.body.toString()]).toEqual([
      'HTTP/1.1 401 Authentication Required',
      'permission denied',
    ])
    expect(valuesOf(answer, 'set-cookie')).toEqual(['first=1', 'second=2'])
    expect(valueOf(answer, 'www-authenticate')).toBe('Basic realm=websocket')
    expect(valueOf(answer, 'x-message')).toBe('caf\xe9')
  })

  test('with a length keeps it', async () => {
    const { client } = await upgrade((request) => request.answer(403, 'forbidden'))
    const answer = await client.answer()
    expect(valueOf(answer, 'content-length')).toBe('9')
    expect(valueOf(answer, 'transfer-encoding')).toBeUndefined()
  })

  test.for([204, 304])('%i has no body', async (status) => {
    const { client } = await upgrade((request) => request.send(`HTTP/1.1 ${status} X\r\n\r\n`))
    const answer = await client.answer()
    expect([answer.status, answer.body.length]).toEqual([status, 0])
    expect(valueOf(answer, 'transfer-encoding')).toBeUndefined()
  })

  test.for(['Connection', 'Proxy-Connection'])(
    'that names its length in %s is whole',
    async (name) => {
      const { client } = await upgrade((request) =>
        request.send(`HTTP/1.1 403 X\r\n${name}: Content-Length\r\nContent-Length: 4\r\n\r\nbody`),
      )
      const answer = await client.answer()
      expect([403, 502]).toContain(answer.status)
      if (answer.status === 403) expect(answer.body.toString()).toBe('body')
    },
  )

  test('in a transfer coding other than chunked is not passed on as if it were none', async () => {
    const { client } = await upgrade((request) => {
      request.send('HTTP/1.1 403 X\r\nTransfer-Encoding: gzip\r\n\r\n')
      request.send(gzipSync('compressed'))
      request.end()
    })
    expect((await client.answer()).status).toBe(502)
  })

  test('of many bytes streams', async () => {
    const { client } = await upgrade((request) => request.answer(403, Buffer.alloc(8 * MIB, 'x')))
    expect((await client.answer()).body.length).toBe(8 * MIB)
  })

  test('loses what its Connection names', async () => {
    const { client } = await upgrade((request) =>
      request.answer(
        403,
        '',
        'Connection: keep-alive, X-Private\r\nKeep-Alive: timeout=5\r\nX-Private: x\r\nProxy-Connection: x\r\n',
      ),
    )
    const answer = await client.answer()
    for (const name of ['keep-alive', 'proxy-connection', 'x-private']) {
      expect(valueOf(answer, name)).toBeUndefined()
    }
  })

  test.for(['Content-Length: 20\r\n\r\nshort', 'Transfer-Encoding: chunked\r\n\r\n5\r\nshort\r\n'])(
    'that is cut (%j) is not made whole',
    async (rest) => {
      const { client } = await upgrade((request) => {
        request.send(`HTTP/1.1 403 X\r\n${rest}`)
        request.end()
      })
      await expect(client.answer()).rejects.toThrow(/body|chunk|ended|reset/i)
    },
  )
})

describe('ws-timeout.test', () => {
  const timeouts = { responseHeadMs: 3_000, tunnelIdleMs: 600_000 }

  test('a silent upstream is a 504, and let go', async () => {
    const upstream = await startSwitching('')
    const proxy = await startProxy({ stable: [upstream.port], timeouts })
    const client = await connectClient(proxy.port)
    client.send(UPGRADE)
    await eventually(() => upstream.switched.length).toBe(1)
    await proxy.advance(4_000)
    expect((await client.answer()).status).toBe(504)
    expect(await upstream.switched[0]!.reader.end()).not.toBe('open')
  })

  test('neither interim answers nor half a head put the deadline off', async () => {
    const upstream = await startUpstream((request) =>
      request.send('HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 401 Unauthorized\r\nX-Slow: '),
    )
    const proxy = await startProxy({ stable: [upstream.port], timeouts })
    const client = await connectClient(proxy.port)
    client.send(UPGRADE)
    const received = await upstream.request(0)
    for (let second = 0; second < 4; second++) {
      received.send('x')
      await proxy.advance(1_000)
    }
    expect((await client.answer()).status).toBe(504)
  })

  test('a tunnel outlives it', async () => {
    const upstream = await startSwitching()
    const proxy = await startProxy({ stable: [upstream.port], timeouts })
    const { client, far } = await openTunnel(proxy, upstream)
    await proxy.advance(20_000)
    client.send('still')
    expect(String(await far.reader.take(5))).toBe('still')
    client.reset()
  })

  test('a refusal whose head came in time may take its time', async () => {
    const upstream = await startUpstream((request) =>
      request.send('HTTP/1.1 401 X\r\nContent-Length: 4\r\n\r\na'),
    )
    const proxy = await startProxy({ stable: [upstream.port], timeouts })
    const client = await connectClient(proxy.port)
    client.send(UPGRADE)
    const received = await upstream.request(0)
    await eventually(() => client.reader.receivedBytes).toBeGreaterThan(0)
    await proxy.advance(10_000)
    received.send('bcd')
    expect((await client.answer()).body.toString()).toBe('abcd')
  })
})
