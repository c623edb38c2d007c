-- For wrk: requests for the paths of a file, one after the other, each thread its own part.
-- wrk -s bench_web.lua URL -- METHOD FILE FIRST
local threads = 0
function setup(thread)
  thread:set("number", threads)
  threads = threads + 1
end

function init(args)
  method = args[1]
  paths = {}
  local at = 0
  for line in io.lines(args[2]) do
    if at >= tonumber(args[3]) and at % 2 == number then paths[#paths + 1] = line end
    at = at + 1
  end
  place = 0
  headers = {}
  headers["Accept-Encoding"] = "gzip"
  headers["Accept-Language"] = "de-DE,de;q=0.9"
  if method == "POST" then
    body = "List-Unsubscribe=One-Click"
    headers["Content-Type"] = "application/x-www-form-urlencoded"
  end
end

function request()
  place = place % #paths + 1
  return wrk.format(method, paths[place], headers, body)
end

function done(summary, latency, requests)
  io.write(string.format("RESULT %d %d %d %d %d\n", summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(99),
    summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout))
  io.write(string.format("STATUS %d\n", summary.errors.status))
end
