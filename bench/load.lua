-- The load of load.py for wrk: an unlimited number of bodies, no order id twice.
-- wrk -s bench/load.lua URL -- TEMPLATES MODE KEY TAG     (MODE: orders or events)

local ffi = require("ffi")
ffi.cdef [[
typedef struct { long tv_sec; long tv_usec; } fw_timeval;
int gettimeofday(fw_timeval *now, void *zone);
]]
local now = ffi.new("fw_timeval")
local threads = 0
local random, floor, format, concat = math.random, math.floor, string.format, table.concat

function setup(thread)
  threads = threads + 1
  thread:set("number", threads)
end

function init(arguments)
  made = dofile(arguments[1])
  mode, tag = arguments[2], arguments[4]
  count = 0
  fields = {}
  out = {}
  tail = format(
    " HTTP/1.1\r\nHost: %s:%s\r\nContent-Type: application/json\r\nX-THIRDWATCH-API-KEY: %s\r\nContent-Length: ",
    wrk.host, wrk.port, arguments[3]
  )
  math.randomseed(os.time() * 16 + number)
end

local function draw()
  count = count + 1
  ffi.C.gettimeofday(now, nil)
  local user, chance = floor(random() * made.users), random()
  fields.order = format("o-%s-%d-%d", tag, number, count)
  fields.now = format("%.0f", tonumber(now.tv_sec) * 1000 + floor(tonumber(now.tv_usec) / 1000))
  fields.user = format("%d", user)
  fields.session = format("%x%d", user, floor(random() * 4))
  if chance < 0.2 then
    fields.ip = format("198.51.100.%d", floor(random() * 48) + 1)
  else
    fields.ip = format("198.%d.%d.%d", 18 + floor(user / 65536), floor(user / 256) % 256, user % 256)
  end
  if chance >= 0.2 and chance < 0.25 then
    fields.device = format("f%07d", floor(random() * 1e7))
  else
    fields.device = format("%07d", user)
  end
  fields.five = format("%05d", user)
  if chance >= 0.25 and chance < 0.3 then
    fields.last4 = format("%04d", floor(random() * 1e4))
  else
    fields.last4 = format("%04d", user % 10000)
  end
  fields.house = format("%d", user % 397 + 1)
  return user
end

local function put(template, size)
  for at = 1, #template do
    size = size + 1
    out[size] = at % 2 == 0 and fields[template[at]] or template[at]
  end
  return size
end

function request()
  local user = draw()
  local name
  local size = 1
  out[1] = "{"
  if mode == "orders" then
    local head = made.heads[user % #made.heads + 1]
    local carts = made.carts[head.group]
    name = "createOrder"
    size = put(head, size) + 1
    out[size] = ","
    size = put(carts[floor(random() * #carts) + 1], size)
  else
    local light = made.light[floor(random() * #made.light) + 1]
    name = light.name
    size = put(light, size)
  end
  out[size + 1] = "}"
  local body = concat(out, "", 1, size + 1)
  return "POST /event/v1/" .. name .. tail .. #body .. "\r\n\r\n" .. body
end

function done(summary, latency, requests)
  io.write(format(
    '\nRESULT {"requests":%d,"duration_us":%d,"not_2xx":%d,"connect":%d,"read":%d,"write":%d,"timeout":%d}\n',
    summary.requests, summary.duration, summary.errors.status, summary.errors.connect, summary.errors.read,
    summary.errors.write, summary.errors.timeout
  ))
end
