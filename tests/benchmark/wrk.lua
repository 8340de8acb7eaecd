-- wrk's side of the benchmark: webhooks as Sofy posts them, each SMS id once unless duplicates are asked for.
-- What to send comes in BENCH_… variables from load.py; the last line printed is one JSON object.
local items = tonumber(os.getenv("BENCH_ITEMS"))
local run = os.getenv("BENCH_RUN")
local duplicates = tonumber(os.getenv("BENCH_DUPLICATES"))
local first_recipient = tonumber(os.getenv("BENCH_FIRST_RECIPIENT"))
local think_ms = tonumber(os.getenv("BENCH_THINK_MS"))
local otlp = os.getenv("BENCH_WRAPPED_IN") == "otlp"
local paths = {}
for path in string.gmatch(os.getenv("BENCH_PATHS"), "[^ ]+") do table.insert(paths, path) end

local ITEM = '{"id":"%s-%d-%%d","status":"delivered","statusReason":"DELIVRD","body":"Hello world !","from":"36789",'
  .. '"to":"3361%%07d","createdAt":"2026-01-25T16:51:46.038Z","updatedAt":"2026-01-25T16:51:49.253Z","price":0.08,"parts":1}'
local OTLP = '{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"stringValue":"%s"}}]}]}]}'
local HEADERS = { ["Content-Type"] = "application/json" }
local RECENT = 1000 -- more than are ever on their way: a duplicate of an SMS further back was acknowledged
local threads = 0

function setup(thread)
  thread:set("number", threads)
  threads = threads + 1
end

-- One template of many items: to fill it at once costs the generator a fraction of an item at a time, and what it
-- costs here is taken from Kafka, which shares its core.
local PER_TEMPLATE = 100
local templates = {}

local function template_of(count)
  if templates[count] == nil then
    local one = string.format(ITEM, run, number)
    templates[count] = string.rep(one, count, ",")
  end
  return templates[count]
end

function init()
  sms_sent = 0
  webhooks_sent = 0
  math.randomseed(number + 1)
end

local function next_sms()
  sms_sent = sms_sent + 1
  if duplicates >= 1 then return sms_sent % RECENT end
  if sms_sent > 2 * RECENT and math.random() < duplicates then return sms_sent - math.random(RECENT, 2 * RECENT) end
  return sms_sent
end

-- A recipient that was never seen, counted on from first_recipient; or, below zero, a thousand that take turns.
local function recipient_of(sms)
  return first_recipient < 0 and sms % 1000 or (first_recipient + sms) % 10000000
end

local function next_items(count)
  local values = {}
  for place = 1, count do
    local sms = next_sms()
    values[2 * place - 1], values[2 * place] = sms, recipient_of(sms)
  end
  return string.format(template_of(count), unpack(values))
end

function request()
  local data = {}
  for start = 0, items - 1, PER_TEMPLATE do
    table.insert(data, next_items(math.min(PER_TEMPLATE, items - start)))
  end
  webhooks_sent = webhooks_sent + 1
  local body = string.format('{"type":"sms.status","id":"%s-%d-%d","webhookId":"wh_1","data":[%s]}',
    run, number, webhooks_sent, table.concat(data, ","))
  if otlp then body = string.format(OTLP, string.gsub(body, '"', '\\"'), "") end
  return wrk.format("POST", paths[webhooks_sent % #paths + 1], HEADERS, body)
end

if think_ms > 0 then
  -- Evenly spread around its mean, so that the connections do not march in step.
  function delay()
    return math.random(0, 2 * think_ms)
  end
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format('\n{"requests":%d,"seconds":%.6f,"not_2xx":%d,"timeouts":%d,"broken":%d,',
    summary.requests, summary.duration / 1e6, errors.status, errors.timeout, errors.connect + errors.read + errors.write))
  io.write(string.format('"p50_ms":%.3f,"p99_ms":%.3f,"p999_ms":%.3f}\n',
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, latency:percentile(99.9) / 1e3))
end
