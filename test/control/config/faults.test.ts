import { expect, test } from 'vitest'
import { faultLines, sample, type Sections } from './sample.ts'

const NAME_RULE = 'use 1 to 63 of a-z, 0-9, ".", "_" and "-", the first a letter or digit'

/** One change to a good file, and everything that is said about it. */
const CASES: readonly { name: string; change: Sections; faults: readonly string[] }[] = [
  { name: 'nothing', change: {}, faults: [] },
  {
    name: 'another version',
    change: { version: 'version: 2' },
    faults: ['f:1:10 version: must be 1, but is 2'],
  },
  {
    name: 'no version',
    change: { version: '' },
    faults: ['f:2:1 the key "version" is missing'],
  },
  {
    name: 'unknown keys, near and far',
    change: { version: 'version: 1\nupstream: {}\nfrobnicate: 1' },
    faults: [
      'f:2:1 unknown key "upstream"; did you mean "upstreams"?',
      'f:3:1 unknown key "frobnicate"; possible: version, proxy, upstreams, routes, control, store, analysis, flags',
    ],
  },
  {
    name: 'an unknown key of a route',
    change: { routes: 'routes:\n  - name: shop\n    stable: a\n    stickyness: { cookie: c }' },
    faults: ['f:7:5 routes[0]: unknown key "stickyness"; did you mean "sticky"?'],
  },
  {
    name: 'a key in snake case',
    change: {
      proxy: 'proxy:\n  listeners: [{ name: p, host: ::1, port: 1 }]\n  drain_timeout: 1s',
    },
    faults: ['f:4:3 proxy: unknown key "drain_timeout"; did you mean "drainTimeout"?'],
  },
  {
    name: 'a key twice',
    change: { routes: 'routes:\n  - name: shop\n    stable: a\n    name: other' },
    faults: ['f:7:5 routes[0]: the key "name" stands already on line 5'],
  },
  {
    name: 'missing keys of a route',
    change: { routes: 'routes:\n  - name: shop' },
    faults: ['f:5:5 routes[0]: the key "stable" is missing'],
  },
  {
    name: 'an unknown upstream',
    change: {
      upstreams: "upstreams: { shop-v1: { endpoints: ['http://h:1'] } }",
      routes:
        'routes:\n- { name: one, stable: shop-v2 }\n- { name: two, stable: zebra, match: { host: h } }',
    },
    faults: [
      'f:5:24 routes[0].stable: there is no upstream "shop-v2"; did you mean "shop-v1"?',
      'f:6:24 routes[1].stable: there is no upstream "zebra"; possible: shop-v1',
    ],
  },
  {
    name: 'wrong types',
    change: { routes: 'routes: { shop: 1 }', rest: 'control: 5\nstore:' },
    faults: [
      'f:4:9 routes: must be a list, but is a map',
      'f:5:10 control: must be a map, but is 5',
      'f:6:7 store: must be a map, but is empty',
    ],
  },
  {
    name: 'a number as a name',
    change: { routes: 'routes: [{ name: 123, stable: a }]' },
    faults: ['f:4:18 routes[0].name: must be text, but is 123; put it in quotes'],
  },
  {
    name: 'wrong names',
    change: {
      upstreams:
        "upstreams: { A: { endpoints: ['http://h:1'] }, a: { endpoints: ['http://h:1'] } }",
      routes: 'routes: [{ name: Shop Front, stable: a }]',
    },
    faults: [
      `f:3:14 upstreams: "A" is not a name; ${NAME_RULE}`,
      `f:4:18 routes[0].name: "Shop Front" is not a name; ${NAME_RULE}`,
    ],
  },
  {
    name: 'empty lists and maps',
    change: { proxy: 'proxy: { listeners: [] }', upstreams: 'upstreams: {}', routes: 'routes: []' },
    faults: [
      'f:2:21 proxy.listeners: needs at least 1 entry',
      'f:3:12 upstreams: needs at least 1 entry',
      'f:4:9 routes: needs at least 1 entry',
    ],
  },
  {
    name: 'endpoints',
    change: {
      upstreams: `upstreams:
  a:
    endpoints:
      - ftp://shop:8443
      - shop:8080
      - http://user:secret@shop
      - http://shop/api?x
      - http://shop:0
      - http://shop:65536
      - http://1.2.3
      - http://
      - http://Shop:80
      - http://shop
      - [x]
      - https://shop/api
      - { url: https://, protocol: http2 }
      - { url: "https://shop:80", protocol: http3 }
      - { uri: "http://h" }
      - { protocol: http2 }`,
    },
    faults: [
      'f:6:9 upstreams.a.endpoints[0]: "ftp://shop:8443" begins with ftp://, but only http:// and https:// are possible',
      'f:7:9 upstreams.a.endpoints[1]: "shop:8080" has no scheme; write "http://shop:8080"',
      'f:8:9 upstreams.a.endpoints[2]: an endpoint has no user name or password',
      'f:9:9 upstreams.a.endpoints[3]: "http://shop/api?x" has "/api?x" after the host; requests keep their own path, write "http://shop"',
      'f:10:9 upstreams.a.endpoints[4]: "http://shop:0" has port 0; ports go from 1 to 65535',
      'f:11:9 upstreams.a.endpoints[5]: "http://shop:65536" has port 65536; ports go from 1 to 65535',
      'f:12:9 upstreams.a.endpoints[6]: "http://1.2.3" has no host; write it like http://10.0.0.1:8080',
      'f:13:9 upstreams.a.endpoints[7]: "http://" has no host; write it like http://10.0.0.1:8080',
      'f:15:9 upstreams.a.endpoints[9]: shop:80 stands already at upstreams.a.endpoints[8]',
      'f:16:9 upstreams.a.endpoints[10]: must be text, but is a list',
      'f:17:9 upstreams.a.endpoints[11]: "https://shop/api" has "/api" after the host; requests keep their own path, write "https://shop"',
      'f:18:16 upstreams.a.endpoints[12].url: "https://" has no host; write it like http://10.0.0.1:8080',
      'f:19:16 upstreams.a.endpoints[13].url: shop:80 stands already at upstreams.a.endpoints[8]',
      'f:19:45 upstreams.a.endpoints[13].protocol: "http3" is not possible; did you mean "http1"?',
      'f:20:9 upstreams.a.endpoints[14]: the key "url" is missing',
      'f:20:11 upstreams.a.endpoints[14]: unknown key "uri"; did you mean "url"?',
      'f:21:9 upstreams.a.endpoints[15]: the key "url" is missing',
    ],
  },
  {
    name: 'hosts',
    change: {
      routes: `routes:
  - name: shop
    stable: a
    match:
      host:
        - shop.example.com:8080
        - http://shop.example.com
        - "*"
        - a.*.example.com
        - bücher.example
        - a b
        - ::1
        - "[::1]"
        - "*.Example.com"`,
    },
    faults: [
      'f:9:11 routes[0].match.host[0]: "shop.example.com:8080" has a port, which is not compared; write "shop.example.com"',
      'f:10:11 routes[0].match.host[1]: "http://shop.example.com" has a scheme; write the host alone, such as shop.example.com',
      'f:11:11 routes[0].match.host[2]: "*" is every host; leave host out instead',
      'f:12:11 routes[0].match.host[3]: "a.*.example.com" has a "*" that is not the first label, as in *.example.com',
      'f:13:11 routes[0].match.host[4]: "bücher.example" is not ASCII; write it as requests do, "xn--bcher-kva.example"',
      'f:14:11 routes[0].match.host[5]: "a b" is not a host, such as shop.example.com or *.example.com',
      'f:15:11 routes[0].match.host[6]: "::1" needs brackets, as in the Host header; write "[::1]"',
    ],
  },
  {
    name: 'a single host',
    change: { routes: 'routes: [{ name: shop, stable: a, match: { host: "h:80" } }]' },
    faults: ['f:4:50 routes[0].match.host: "h:80" has a port, which is not compared; write "h"'],
  },
  {
    name: 'paths',
    change: {
      routes: `routes:
  - { name: p0, stable: a, match: { path: { prefix: shop } } }
  - { name: p1, stable: a, match: { path: { exact: "/a?b" } } }
  - { name: p2, stable: a, match: { path: { prefix: /a/../b } } }
  - { name: p3, stable: a, match: { path: { prefix: /a/%2E%2e } } }
  - { name: p4, stable: a, match: { path: { prefix: "/ü" } } }
  - { name: p5, stable: a, match: { path: { prefix: /a%zz } } }
  - { name: p6, stable: a, match: { path: {} } }
  - { name: p7, stable: a, match: { path: { prefix: /x, exact: /x } } }
  - { name: p8, stable: a, match: { path: { prefx: /x } } }
  - { name: p9, stable: a, match: { path: /x } }`,
    },
    faults: [
      'f:5:53 routes[0].match.path.prefix: "shop" does not begin with "/"',
      'f:6:52 routes[1].match.path.exact: "/a?b" has a "?"; only the path is compared, write "/a"',
      'f:7:53 routes[2].match.path.prefix: "/a/../b" has a ".." segment; write the path that it leads to',
      'f:8:53 routes[3].match.path.prefix: "/a/%2E%2e" has a "%2E%2e" segment; write the path that it leads to',
      'f:9:53 routes[4].match.path.prefix: "/ü" has characters that no request path has; write it percent-encoded, such as /caf%C3%A9',
      'f:10:53 routes[5].match.path.prefix: "/a%zz" has characters that no request path has; write it percent-encoded, such as /caf%C3%A9',
      'f:11:43 routes[6].match.path: needs "prefix" or "exact", and not both',
      'f:12:43 routes[7].match.path: needs "prefix" or "exact", and not both',
      'f:13:45 routes[8].match.path: unknown key "prefx"; did you mean "prefix"?',
      'f:14:43 routes[9].match.path: must be a map, but is "/x"',
    ],
  },
  {
    name: 'what keeps a user on one side',
    change: {
      routes: `routes:
  - { name: s0, stable: a, match: { host: h0 }, sticky: {} }
  - { name: s1, stable: a, match: { host: h1 }, sticky: { cookie: a b } }
  - { name: s2, stable: a, match: { host: h2 }, sticky: { header: "x:y" } }
  - { name: s3, stable: a, match: { host: h3 }, sticky: { header: x, mint: true } }
  - { name: s4, stable: a, match: { host: h4 }, sticky: { cookie: c, mint: yes } }
  - { name: s5, stable: a, match: { host: h5 }, forceHeader: Transfer-Encoding }`,
    },
    faults: [
      'f:5:57 routes[0].sticky: needs one of "header", "cookie", "jwtClaim" and "address"',
      'f:6:67 routes[1].sticky.cookie: "a b" is not the name of a cookie, such as session',
      'f:7:67 routes[2].sticky.header: "x:y" is not the name of a header, such as x-user-id',
      'f:8:76 routes[3].sticky.mint: is only possible with "cookie"; nothing else is minted',
      'f:9:76 routes[4].sticky.mint: must be true or false, but is "yes"',
      'f:10:62 routes[5].forceHeader: "Transfer-Encoding" belongs to the connection, not to the request; choose another header',
    ],
  },
  {
    name: 'what counts as an error',
    change: {
      routes: `routes:
  - name: shop
    stable: a
    errors:
      statuses: [5xx, 600, 6xx, "429", four, [1]]
      grpcStatuses: [17, -1, UNAVAILABEL, unavailable, 4]`,
    },
    faults: [
      'f:8:23 routes[0].errors.statuses[1]: "600" is not a status; write one from 100 to 599, or a class such as 5xx',
      'f:8:28 routes[0].errors.statuses[2]: "6xx" is not a status; write one from 100 to 599, or a class such as 5xx',
      'f:8:40 routes[0].errors.statuses[4]: "four" is not a status; write one from 100 to 599, or a class such as 5xx',
      'f:8:46 routes[0].errors.statuses[5]: must be text, but is a list',
      'f:9:22 routes[0].errors.grpcStatuses[0]: "17" is not a status of gRPC; 0 to 16 are possible',
      'f:9:26 routes[0].errors.grpcStatuses[1]: "-1" is not a status of gRPC; 0 to 16 are possible',
      'f:9:30 routes[0].errors.grpcStatuses[2]: "UNAVAILABEL" is not a status of gRPC; did you mean "UNAVAILABLE"?',
    ],
  },
  {
    name: 'the access log and the level of the log',
    change: {
      proxy: `proxy:
  listeners: [{ name: p, host: ::1, port: 1 }]
  accessLog: { mode: error, ratio: 1.5, path: "" }`,
      rest: 'control: { logLevel: trace }',
    },
    faults: [
      'f:4:22 proxy.accessLog.mode: "error" is not possible; did you mean "errors"?',
      'f:4:36 proxy.accessLog.ratio: 1.5 is outside 0 to 1',
      'f:4:47 proxy.accessLog.path: must be the path of a file',
      'f:7:22 control.logLevel: "trace" is not possible; possible: info, debug',
    ],
  },
  {
    name: 'listeners: protocols, TLS and the PROXY protocol',
    change: {
      proxy: `proxy:
  listeners:
    - { name: a, host: ::1, port: 1, protocols: [], proxyProtocol: true }
    - { name: b, host: ::1, port: 2, protocols: [http1, h2], tls: {} }
    - { name: c, host: ::1, port: 3, tls: { cert: x } }
    - { name: d, host: ::1, port: 4, tls: { minVersion: 1.1, clientCertificates: {} } }
    - { name: e, host: ::1, port: 5, tls: { certificates: [] } }
    - { name: f, host: ::1, port: 6, tls: { cert: "", key: "\0" } }`,
    },
    faults: [
      'f:4:49 proxy.listeners[0].protocols: needs at least 1 entry',
      'f:4:68 proxy.listeners[0].proxyProtocol: needs proxy.trustedProxies: without an address in it nobody could connect',
      'f:5:57 proxy.listeners[1].protocols[1]: "h2" is not possible; possible: http1, http2',
      'f:5:67 proxy.listeners[1].tls: needs "cert" and "key", or "certificates" instead',
      'f:6:43 proxy.listeners[2].tls: needs "cert" and "key", or "certificates" instead',
      'f:6:51 proxy.listeners[2].tls.cert: Cannot use certificate x: there is no such file',
      'f:7:57 proxy.listeners[3].tls.minVersion: "1.1" is not possible; did you mean "1.2"?',
      'f:7:82 proxy.listeners[3].tls.clientCertificates: the key "ca" is missing',
      'f:8:59 proxy.listeners[4].tls.certificates: needs at least 1 entry',
      'f:9:51 proxy.listeners[5].tls.cert: must be the path of a file',
      'f:9:60 proxy.listeners[5].tls.key: must be the path of a file',
    ],
  },
  {
    name: 'TLS to upstreams',
    change: {
      upstreams: `upstreams:
  a: { endpoints: ["http://h:1"], tls: {} }
  b: { endpoints: ["https://h:1"], protocol: h2c, tls: { cert: x, serverName: 10.0.0.1 } }
  c: { endpoints: ["https://h:2"], tls: { serverName: "h:2", verify: maybe } }`,
    },
    faults: [
      'f:4:40 upstreams.a.tls: is for https:// endpoints, but this upstream has none',
      'f:5:46 upstreams.b.protocol: "h2c" is not possible; possible: http1, http2',
      'f:5:64 upstreams.b.tls.cert: Cannot use certificate x: there is no such file',
      'f:5:79 upstreams.b.tls.serverName: "10.0.0.1" is an address; a server name is a host name',
      'f:6:55 upstreams.c.tls.serverName: "h:2" is not a host name, such as shop.example.com',
      'f:6:70 upstreams.c.tls.verify: must be true or false, but is "maybe"',
    ],
  },
  {
    name: 'names that stand twice',
    change: {
      proxy:
        'proxy: { listeners: [{ name: p, host: ::1, port: 1 }, { name: p, host: ::1, port: 2 }] }',
      routes:
        'routes:\n- { name: shop, stable: a }\n- { name: shop, stable: a, match: { host: h } }',
    },
    faults: [
      'f:2:63 proxy.listeners[1].name: is the same as proxy.listeners[0].name',
      'f:6:11 routes[1].name: is the same as routes[0].name',
    ],
  },
  {
    name: 'routes for the same requests',
    change: {
      routes: `routes:
  - { name: r0, stable: a }
  - { name: r1, stable: a, match: { path: { prefix: / } } }
  - { name: r2, stable: a, match: { host: [A.example, b.example], path: { exact: /x } } }
  - { name: r3, stable: a, match: { host: a.Example, path: { exact: /x } } }
  - { name: r4, stable: a, match: { host: a.example, path: { prefix: /x } } }`,
    },
    faults: [
      'f:6:35 routes[1].match: takes the same as routes[0]: any host, path prefix "/"',
      'f:8:35 routes[3].match: takes the same as routes[2]: host a.example, exact path "/x"',
    ],
  },
  {
    name: 'addresses that clash',
    change: {
      proxy: `proxy:
  listeners:
    - { name: a, host: 127.0.0.1, port: 8080 }
    - { name: b, host: 0.0.0.0, port: 8080 }
    - { name: c, host: "::1", port: 8080 }
    - { name: d, host: localhost, port: 9090 }
    - { name: e, host: 127.0.0.1, port: 0 }
    - { name: f, host: 127.0.0.1, port: 0 }`,
    },
    faults: [
      'f:1:1 control.port: 127.0.0.1:9090 is taken by proxy.listeners[3], localhost:9090',
      'f:5:39 proxy.listeners[1].port: 0.0.0.0:8080 is taken by proxy.listeners[0], 127.0.0.1:8080',
    ],
  },
  {
    name: 'an upstream that is the proxy itself',
    change: {
      proxy: 'proxy: { listeners: [{ name: p, host: 0.0.0.0, port: 8080 }] }',
      upstreams:
        "upstreams: { a: { endpoints: ['http://127.0.0.1:8080', 'http://10.0.0.1:8080'] } }",
    },
    faults: [
      'f:3:31 upstreams.a.endpoints[0]: 127.0.0.1:8080 is proxy.listeners[0] itself; requests would go in circles',
    ],
  },
  {
    name: 'numbers, sizes and durations',
    change: {
      proxy: `proxy:
  listeners: [{ name: p, host: 127.0.0.1, port: 65536 }]
  threads: 1.5
  limits:
    head: 16KB
    headerCount: many
    body: -1
    connections: 0
    responseHead: 2MiB
    buffer: [1]
  timeouts:
    head: 10
    idle: soon
    connect: 100ms
    bodyStall: 2d
  drainTimeout: true`,
    },
    faults: [
      'f:3:49 proxy.listeners[0].port: 65536 is outside 0 to 65535',
      'f:4:12 proxy.threads: 1.5 is not a whole number',
      'f:6:11 proxy.limits.head: "16KB" is not a size; write bytes or a whole number with KiB, MiB or GiB, such as 16KiB',
      'f:7:18 proxy.limits.headerCount: must be a whole number, but is "many"',
      'f:8:11 proxy.limits.body: "-1" is not a size; write bytes or a whole number with KiB, MiB or GiB, such as 16KiB',
      'f:9:18 proxy.limits.connections: 0 is outside 1 to 1000000',
      'f:10:19 proxy.limits.responseHead: 2MiB is outside 1KiB to 1MiB',
      'f:11:13 proxy.limits.buffer: must be a size such as 16KiB, but is a list',
      'f:13:11 proxy.timeouts.head: "10" has no unit; write 10s for seconds, 10m for minutes',
      'f:14:11 proxy.timeouts.idle: "soon" is not a duration; write it like 250ms, 10s, 2m or 1h30m',
      'f:15:14 proxy.timeouts.connect: 100ms is outside 250ms to 5m',
      'f:16:16 proxy.timeouts.bodyStall: 2d is outside 250ms to 1d',
      'f:17:17 proxy.drainTimeout: must be a duration such as 10s, but is true',
    ],
  },
  {
    name: 'listening addresses and trusted proxies',
    change: {
      proxy: `proxy:
  listeners: [{ name: p, host: "[::1]", port: 1 }, { name: q, host: a_b.c/d, port: 2 }]
  trustedProxies: [10.0.0.0/8, "fd00::/8", 10.0.0.1, 10.0.0.0/33, "::/129", proxy.example, 1.2.3.4/8/8]`,
    },
    faults: [
      'f:3:32 proxy.listeners[0].host: "[::1]" has brackets; write "::1"',
      'f:3:69 proxy.listeners[1].host: "a_b.c/d" is not an address; write an IP address such as 127.0.0.1, or a host name',
      'f:4:54 proxy.trustedProxies[3]: "10.0.0.0/33" has "/33"; an IPv4 range has 0 to 32 bits',
      'f:4:67 proxy.trustedProxies[4]: "::/129" has "/129"; an IPv6 range has 0 to 128 bits',
      'f:4:77 proxy.trustedProxies[5]: "proxy.example" is not an address or a range, such as 10.0.0.0/8',
      'f:4:92 proxy.trustedProxies[6]: "1.2.3.4/8/8" is not an address or a range, such as 10.0.0.0/8',
    ],
  },
  {
    name: 'an admin API that anyone could use',
    change: { rest: 'control: { host: 0.0.0.0 }' },
    faults: [
      'f:5:18 control.host: 0.0.0.0 can be reached from other machines, but control.tokens is empty; use 127.0.0.1, or add a token: make one with "openssl rand -hex 32", and give what "printf %s TOKEN | sha256sum" prints as its sha256',
    ],
  },
  {
    name: 'tokens',
    change: {
      rest: `control:
  tokens:
    - { name: ci, role: operater, sha256: ${'a'.repeat(64)} }
    - { name: ci, role: root, sha256: ${'A'.repeat(64)} }
    - { name: "a b", role: viewer, sha256: s3cr3t }
    - { name: d, role: viewer, sha256: ${'x'.repeat(64)} }
    - { name: e, role: admin, sha256: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 }`,
    },
    faults: [
      'f:7:25 control.tokens[0].role: "operater" is not possible; did you mean "operator"?',
      'f:8:15 control.tokens[1].name: is the same as control.tokens[0].name',
      'f:8:25 control.tokens[1].role: "root" is not possible; possible: viewer, operator, admin',
      'f:8:39 control.tokens[1].sha256: is the same as control.tokens[0].sha256',
      `f:9:15 control.tokens[2].name: "a b" is not a token's name; use 1 to 63 of A-Z, a-z, 0-9, ".", "_", "@" and "-", the first a letter or digit`,
      'f:9:44 control.tokens[2].sha256: must be the SHA-256 of a token, 64 hexadecimal digits, but has 6 characters; "printf %s TOKEN | sha256sum" prints it',
      'f:10:40 control.tokens[3].sha256: must be the SHA-256 of a token, 64 hexadecimal digits, but has 64 characters of other kinds; "printf %s TOKEN | sha256sum" prints it',
      'f:11:39 control.tokens[4].sha256: is the SHA-256 of an empty token; the variable that it was made from was not set',
    ],
  },
  {
    name: 'an empty path of the store',
    change: { rest: 'store: { path: "" }' },
    faults: ['f:5:16 store.path: must be the path of a file'],
  },
]

test.for(CASES)('$name', ({ change, faults }) => {
  expect(faultLines(sample(change))).toEqual(faults)
})

test.for([
  { name: 'an empty file', text: '', faults: ['f:1:1 must be a map, but is empty'] },
  { name: 'a word', text: 'hello', faults: ['f:1:1 must be a map, but is "hello"'] },
  { name: 'a list', text: '# list\n- 1', faults: ['f:2:1 must be a map, but is a list'] },
  {
    name: 'an open bracket',
    text: 'version: 1\nproxy: {',
    faults: [
      'f:2:9 is not YAML: flow map in block collection must be sufficiently indented and end with a }',
    ],
  },
  {
    name: 'a tab',
    text: 'proxy:\n\tthreads: 1',
    faults: ['f:2:1 is indented with a tab; YAML takes spaces alone'],
  },
  {
    name: 'two documents',
    text: 'version: 1\n---\nversion: 1',
    faults: ['f:2:1 begins a second YAML document; a configuration is one'],
  },
  {
    name: 'an unknown tag',
    text: 'version: !js 1',
    faults: ['f:1:10 is not YAML: unresolved tag: !js'],
  },
  {
    name: 'a map as a key',
    text: '? { a: 1 }\n: 2',
    faults: ['f:1:3 is not a key; keys are plain words'],
  },
])('$name is not a configuration', ({ text, faults }) => {
  expect(faultLines(text)).toEqual(faults)
})

test('a fault in one section does not hide those of others', () => {
  const text = `version: 3
proxy:
  listeners: [{ name: public, host: 127.0.0.1, port: http }]
  timeout: {}
upstreams:
  shop-v1: { endpoints: ["http://127.0.0.1:9001"], weight: 5 }
routes:
  - name: shop
    stable: shop-v3
    stick: { cookie: session }
  - name: shop
`
  expect(faultLines(text)).toEqual([
    'f:1:10 version: must be 1, but is 3',
    'f:3:54 proxy.listeners[0].port: must be a whole number, but is "http"',
    'f:4:3 proxy: unknown key "timeout"; did you mean "timeouts"?',
    'f:6:52 upstreams.shop-v1: unknown key "weight"; possible: endpoints, protocol, tls, balance, preferZone, outlier, panic, slowStart, limits, healthCheck',
    'f:9:13 routes[0].stable: there is no upstream "shop-v3"; did you mean "shop-v1"?',
    'f:10:5 routes[0]: unknown key "stick"; did you mean "sticky"?',
    'f:11:5 routes[1]: the key "stable" is missing',
    'f:11:5 routes[1].match: takes the same as routes[0]: any host, path prefix "/"',
    'f:11:11 routes[1].name: is the same as routes[0].name',
  ])
})

test('values behind an alias are checked where they stand', () => {
  const text = sample({
    upstreams: `upstreams:
  a: &shared
    endpoints: [ftp://h]
  b: *shared`,
  })
  expect(faultLines(text)).toEqual([
    'f:5:17 upstreams.a.endpoints[0]: "ftp://h" begins with ftp://, but only http:// and https:// are possible',
    'f:5:17 upstreams.b.endpoints[0]: "ftp://h" begins with ftp://, but only http:// and https:// are possible',
  ])
})

test('an alias to nothing is a fault of its value', () => {
  expect(faultLines(sample({ version: 'version: *one' }))).toEqual([
    'f:1:10 version: is an alias, but there is no anchor "one" before it',
  ])
})

test('nesting that exhausts the stack is refused', () => {
  const [first, ...more] = faultLines('['.repeat(100_000))
  expect(first).toMatch(/^f:1:\d+ is nested too deeply to be a configuration$/)
  expect(more).toEqual([])
})

test('nesting beyond all use is refused', () => {
  const lines = faultLines(sample({ version: `version: ${'['.repeat(40)}${']'.repeat(40)}` }))
  expect(lines).toContain(`f:1:42 version${'[0]'.repeat(32)}: is nested too deeply`)
})

test('aliases that multiply are not followed to the end', () => {
  const levels = Array.from({ length: 12 }, (_, i) => `  - &l${i + 1} [${`*l${i},`.repeat(9)}]`)
  const lines = faultLines(sample({ rest: `bomb:\n  - &l0 [x]\n${levels.join('\n')}` }))
  expect(lines).toEqual([
    'f:5:1 unknown key "bomb"; possible: version, proxy, upstreams, routes, control, store, analysis, flags',
    expect.stringMatching(/^f:\d+:\d+ bomb.*: is an alias too many; at most 100 are followed$/),
  ])
})

test('an alias to the list it stands in is not followed forever', () => {
  const lines = faultLines('version: &a [*a]')
  expect(lines.length).toBeGreaterThan(0)
})

test('a route too many for the counters is refused', () => {
  const routes = Array.from(
    { length: 513 },
    (_, i) => `- { name: r${i}, stable: a, match: { host: h${i} } }`,
  )
  expect(faultLines(sample({ routes: `routes:\n${routes.join('\n')}` }))).toEqual([
    'f:5:1 routes: has 513 entries; at most 512 are possible',
  ])
  expect(faultLines(sample({ routes: `routes:\n${routes.slice(1).join('\n')}` }))).toEqual([])
})

test('an upstream too many is refused', () => {
  const upstreams = Array.from({ length: 1025 }, (_, i) => `  a${i}: { endpoints: [http://h${i}] }`)
  const text = sample({
    upstreams: `upstreams:\n  a: { endpoints: [http://h] }\n${upstreams.slice(2).join('\n')}`,
  })
  expect(faultLines(text)).toEqual([])
  expect(faultLines(`${text}\n`.replace('upstreams:', `upstreams:\n${upstreams[0]}`))).toEqual([
    'f:4:3 upstreams: has 1025 entries; at most 1024 are possible',
  ])
})

test('a fault is one line without control characters, whatever was found', () => {
  const text = sample({ routes: String.raw`routes: [{ name: "a\nb\e[2J", stable: a, "x\ny": 1 }]` })
  expect(faultLines(text)).toEqual([
    `f:4:18 routes[0].name: "a\\nb\\u001b[2J" is not a name; ${NAME_RULE}`,
    expect.stringContaining(String.raw`f:4:42 routes[0]: unknown key "x\ny"; possible: `),
  ])
})

test('a key that would reach into the prototype is refused', () => {
  expect(faultLines(sample({ rest: '__proto__: { version: 2 }' }))).toEqual([
    'f:5:1 "__proto__" is not possible as a key',
  ])
})
