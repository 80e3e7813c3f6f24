/** What is asked of the proxies: bodies of three sizes. The names are those of `--scenario`. */

export interface Scenario {
  readonly name: 'small' | '64k' | '1m'
  readonly path: string
  readonly bodyBytes: number
  /** Keep-alive connections that the load generator holds, each with one request at a time. */
  readonly connections: number
}

export const SCENARIOS: readonly Scenario[] = [
  { name: 'small', path: '/small', bodyBytes: 90, connections: 64 },
  { name: '64k', path: '/64k', bodyBytes: 65_536, connections: 16 },
  { name: '1m', path: '/1m', bodyBytes: 1_048_576, connections: 16 },
]

/** Users of the load: the cookie `session=u0` to `session=u999`. */
export const USER_COUNT = 1_000

/** What a browser sends besides Host and Cookie. `wrk.lua` sends the same. */
export const BROWSER_HEADERS: Readonly<Record<string, string>> = {
  'User-Agent': 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
  Accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8',
  'Accept-Language': 'en-GB,en;q=0.7,de;q=0.3',
  'Accept-Encoding': 'gzip, deflate',
}
