import { expect, test } from 'vitest'
import { clock, count, latency, percent, ratio, span } from '../../../src/control/cli/format.ts'
import { DURATION, parseSplit } from '../../../src/control/cli/kinds.ts'
import { nearest } from '../../../src/control/nearest.ts'
import { coloured } from '../../../src/control/cli/paint.ts'
import { createScreen } from '../../../src/control/cli/screen.ts'
import { messagesOf } from '../../../src/control/cli/stream.ts'
import { table } from '../../../src/control/cli/table.ts'

test.for([
  [percent(5), '5 %'],
  [percent(12.5), '12.5 %'],
  [percent(0.1 + 0.2), '0.3 %'],
  [ratio(0), '0.0 %'],
  [ratio(0.2857), '28.6 %'],
  [ratio(null), '-'],
  [latency(0.00042), '0.42ms'],
  [latency(0.0021), '2.1ms'],
  [latency(0.31), '310ms'],
  [latency(1.2), '1.20s'],
  [latency(null), '-'],
  [count(3_142), '3,142'],
  [span(-5), '0s'],
  [span(125_400), '2m5s'],
  [clock(new Date(2026, 10, 21, 9, 3, 7).getTime()), '09:03:07'],
] as const)('%s is %s', ([shown, wanted]) => {
  expect(shown).toBe(wanted)
})

test.for([
  ['5,25,50,100', [5, 25, 50, 100]],
  ['0.01, 12.5%', [0.01, 12.5]],
  ['100', [100]],
  ['', undefined],
  ['5,', undefined],
  ['5,5', undefined],
  ['5,4', undefined],
  ['0', undefined],
  ['-5', undefined],
  ['100.01', undefined],
  ['1.234', undefined],
  ['five', undefined],
] as const)('the split "%s" is %j', ([text, weights]) => {
  expect(parseSplit(text)).toEqual(weights)
})

test.for([
  ['2m', true],
  ['1h30m', true],
  ['0s', false],
  ['0', false],
  ['2', false],
  ['m2', false],
  ['', false],
] as const)('the duration "%s" is accepted: %s', ([text, isAccepted]) => {
  expect(DURATION.accepts(text)).toBe(isAccepted)
})

test.for([
  ['statsu', 'status'],
  ['abrot', 'abort'],
  ['prom', 'promote'],
  ['eventss', 'events'],
  ['xyzzy', undefined],
  ['', undefined],
] as const)('"%s" is taken for %s', ([word, meant]) => {
  expect(nearest(word, ['status', 'abort', 'promote', 'events'])).toBe(meant)
})

test('a table is aligned, numbers to the right, colours taking no room', () => {
  const lines = table(
    [{ title: 'A' }, { title: 'N', isNumber: true }, { title: 'B' }],
    [
      [coloured('red', 'fail'), '7', 'x'],
      ['pass', '1,000', ''],
    ],
  )
  expect(lines).toEqual(['A         N  B', `${coloured('red', 'fail')}      7  x`, 'pass  1,000'])
})

test('a screen draws over what it drew, keeps lines above it, and cuts what would wrap', () => {
  let written = ''
  const output = { write: (text: string) => void (written += text), columns: 11, rows: 4 }
  const screen = createScreen(output, true)
  screen.draw(['one', coloured('red', 'a line that is too long')])
  expect(written).toBe(`\x1b[?25lone\n${coloured('red', 'a line th')}…\n`)
  written = ''
  screen.append('stays')
  expect(written).toBe(`\x1b[2A\r\x1b[Jstays\none\n${coloured('red', 'a line th')}…\n`)
  written = ''
  screen.draw(['1', '2', '3', '4', '5'])
  expect(written).toBe('\x1b[2A\r\x1b[J1\n2\n3\n')
  written = ''
  screen.clear()
  screen.append('end')
  screen.close()
  expect(written).toBe('\x1b[3A\r\x1b[Jend\n\x1b[?25h')
})

test('a screen that is not live writes lines and nothing else', () => {
  let written = ''
  const screen = createScreen({ write: (text) => void (written += text) }, false)
  screen.draw(['one'])
  screen.append('stays')
  screen.clear()
  screen.close()
  expect(written).toBe('stays\n')
})

test('messages come whole, however the bytes are cut', async () => {
  const bytes = new TextEncoder().encode(
    ': hello\n\nretry: 10\n\nid: 7\r\ndata: {"a":\r\ndata: "ä"}\r\n\r\nevent: x\ndata:2\n\ndata: unfinished',
  )
  for (const size of [1, 2, 3, 7, bytes.length]) {
    const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
      bytes.subarray(i * size, (i + 1) * size),
    )
    const messages = []
    for await (const message of messagesOf(from(chunks))) messages.push(message)
    expect(messages).toEqual([
      { id: '7', data: '{"a":\n"ä"}' },
      { id: '', data: '2' },
    ])
  }
})

async function* from(chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* chunks
}
