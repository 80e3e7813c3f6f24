/**
 * What must hold between the keys of a configuration: references, names that stand twice, who may reach what.
 *
 * The rules look at the file as it was written, not at what the schema made of it, and pass over what they cannot
 * read: so one misspelt key does not hide that another route names an upstream that is not there.
 */

import { isLoopback, readHostPattern, readListenHost } from './address.ts'
import { checkClashes } from './clashes.ts'
import { CONTROL_HOST, ENTRIES } from './defaults.ts'
import { type Fault, formatPath, type Path } from './fault.ts'
import { checkApproval, checkFlagRules } from './flag-rules.ts'
import { attempt, type Found, get, isMap, items, members, texts } from './lookup.ts'
import { isName, NAME_RULE, readPath } from './names.ts'
import type { Places } from './places.ts'
import { didYouMean, quote } from './wording.ts'

const TOKEN_ADVICE =
  'add a token: make one with "openssl rand -hex 32", and give what "printf %s TOKEN | sha256sum" prints as its sha256'

type Complain = (path: Path, message: string) => void

/** Returns what is wrong between the keys of a file; `value` is what `readDocument` gave. */
export function ruleFaults(value: unknown, places: Places): Fault[] {
  const faults: Fault[] = []
  const complain: Complain = (path, message) => {
    if (!places.isUnread(path)) faults.push(places.fault(path, message))
  }
  const routes = items(value, ['routes'])
  const tokens = items(value, ['control', 'tokens'])
  const upstreams = get(value, 'upstreams')

  if (isMap(upstreams)) {
    const names = Object.keys(upstreams)
    if (names.length === 0) complain(['upstreams'], 'needs at least 1 entry')
    if (names.length > ENTRIES.upstreams) {
      const most = `at most ${ENTRIES.upstreams} are possible`
      complain(['upstreams'], `has ${names.length} entries; ${most}`)
    }
    for (const name of names.filter((each) => !isName(each))) {
      faults.push(
        places.faultAtKey(['upstreams'], name, `${quote(name)} is not a name; ${NAME_RULE}`),
      )
    }
    checkUpstreams(texts(routes, 'stable'), names, complain)
    checkUpstreams(texts(members(routes, 'mirror'), 'to'), names, complain)
  }
  checkMatches(routes, complain)
  for (const named of [routes, items(value, ['proxy', 'listeners']), tokens]) {
    checkTwice(named, 'name', complain)
  }
  checkTwice(tokens, 'sha256', complain)
  checkClashes(value, complain)
  checkFlagRules(value, complain)
  checkApproval(value, complain)
  checkControl(get(value, 'control'), complain)
  checkProxyProtocol(get(value, 'proxy'), complain)
  return faults
}

function checkUpstreams(
  named: readonly Found<string>[],
  upstreams: readonly string[],
  complain: Complain,
): void {
  for (const { path, value: name } of named) {
    if (upstreams.includes(name)) continue
    complain(path, `there is no upstream ${quote(name)}; ${didYouMean(name, upstreams)}`)
  }
}

/** Two routes for the same host and path would leave it to their order who gets the requests. */
function checkMatches(routes: readonly Found<unknown>[], complain: Complain): void {
  const firsts = new Map<string, Path>()
  for (const { path, value } of routes) {
    for (const requests of new Set(requestsOf(get(value, 'match')))) {
      const first = firsts.get(requests)
      if (first === undefined) firsts.set(requests, path)
      else complain([...path, 'match'], `takes the same as ${formatPath(first)}: ${requests}`)
    }
  }
}

/** The requests of a route in words, one text for each host. */
function requestsOf(match: unknown): readonly string[] {
  const path = get(match, 'path')
  const prefix = path === undefined ? '/' : attempt(readPath, get(path, 'prefix'))
  const exact = attempt(readPath, get(path, 'exact'))
  if ((prefix === undefined) === (exact === undefined)) return []
  const paths = prefix === undefined ? `exact path "${exact}"` : `path prefix "${prefix}"`
  const host = get(match, 'host')
  if (host === undefined) return [`any host, ${paths}`]
  return (Array.isArray(host) ? host : [host])
    .map((each) => attempt(readHostPattern, each))
    .filter((each) => each !== undefined)
    .map((each) => `host ${each}, ${paths}`)
}

/** Whatever the case: names that differ in nothing else are taken for each other. */
function checkTwice(list: readonly Found<unknown>[], key: string, complain: Complain): void {
  const firsts = new Map<string, Path>()
  for (const { path, value } of texts(list, key)) {
    const first = firsts.get(value.toLowerCase())
    if (first === undefined) firsts.set(value.toLowerCase(), path)
    else complain(path, `is the same as ${formatPath(first)}`)
  }
}

/** An admin API that others can reach must know who they are. */
function checkControl(control: unknown, complain: Complain): void {
  const host = attempt(readListenHost, get(control, 'host'))
  const tokens = get(control, 'tokens') ?? []
  if (host === undefined || isLoopback(host)) return
  if (!Array.isArray(tokens) || tokens.length > 0) return
  complain(
    ['control', 'host'],
    `${host} can be reached from other machines, but control.tokens is empty; use ${CONTROL_HOST}, or ${TOKEN_ADVICE}`,
  )
}

/** Behind a listener of the PROXY protocol, nobody else is let in. */
function checkProxyProtocol(proxy: unknown, complain: Complain): void {
  const trusted = get(proxy, 'trustedProxies') ?? []
  if (!Array.isArray(trusted) || trusted.length > 0) return
  for (const { path, value } of items(proxy, ['listeners'])) {
    const isOn = get(value, 'proxyProtocol')
    if (isOn !== true && isOn !== 'true') continue
    complain(
      ['proxy', ...path, 'proxyProtocol'],
      'needs proxy.trustedProxies: without an address in it nobody could connect',
    )
  }
}
