-- The load: 1000 users by cookie, browser headers (as in scenario.ts), one line of JSON at the end.
-- The requests are made once; making each anew would cost the load generator more than the proxy needs.

local requests = {}
local index = 0

function init(args)
  for user = 0, 999 do
    requests[user + 1] = wrk.format('GET', nil, {
      ['Host'] = wrk.headers['Host'],
      ['User-Agent'] = 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
      ['Accept'] = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8',
      ['Accept-Language'] = 'en-GB,en;q=0.7,de;q=0.3',
      ['Accept-Encoding'] = 'gzip, deflate',
      ['Cookie'] = 'session=u' .. user
    })
  end
end

function request()
  index = index % 1000 + 1
  return requests[index]
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    'RESULT {"requests":%d,"bytes":%d,"seconds":%.6f,"p50Ms":%.3f,"p99Ms":%.3f,' ..
      '"errors":{"connect":%d,"read":%d,"write":%d,"status":%d,"timeout":%d}}\n',
    summary.requests, summary.bytes, summary.duration / 1e6,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000,
    errors.connect, errors.read, errors.write, errors.status, errors.timeout))
end
