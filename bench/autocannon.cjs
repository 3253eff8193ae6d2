// The load of load.py for autocannon, every body a new one: a closed loop where wrk cannot be had, or with --rate so
// many a second, answered or not, as far as the connections carry them.
// node bench/autocannon.cjs --url URL --key KEY --mode orders|events --seconds N --tag TAG --templates FILE --modules DIR
//   --connections N [--rate N]

const { readFileSync } = require("node:fs");
const { createRequire } = require("node:module");
const { parseArgs } = require("node:util");

const names = ["url", "key", "mode", "seconds", "tag", "templates", "modules", "connections", "rate"];
const { values: asked } = parseArgs({ options: Object.fromEntries(names.map((name) => [name, { type: "string" }])) });
const autocannon = createRequire(`${asked.modules}/`)("autocannon");
const made = JSON.parse(readFileSync(asked.templates, "utf8"));

const below = (limit) => Math.floor(Math.random() * limit);
const digits = (number, width) => String(number).padStart(width, "0");
let count = 0;

function draw() {
  const user = below(made.users);
  const chance = Math.random();
  count += 1;
  return {
    number: user,
    order: `o-${asked.tag}-${count}`,
    now: String(Date.now()),
    user: String(user),
    session: `${user.toString(16)}${below(4)}`,
    ip: chance < 0.2 ? `198.51.100.${below(48) + 1}` : `198.${18 + (user >> 16)}.${(user >> 8) & 255}.${user & 255}`,
    device: chance >= 0.2 && chance < 0.25 ? `f${digits(below(1e7), 7)}` : digits(user, 7),
    five: digits(user, 5),
    last4: chance >= 0.25 && chance < 0.3 ? digits(below(1e4), 4) : digits(user % 10000, 4),
    house: String((user % 397) + 1),
  };
}

const fill = (pieces, fields) => pieces.map((piece, at) => (at % 2 ? fields[piece] : piece)).join("");

function next(request) {
  const fields = draw();
  let name = "createOrder";
  let inside;
  if (asked.mode === "orders") {
    const [head, group] = made.heads[fields.number % made.heads.length];
    const carts = made.carts[group];
    inside = `${fill(head, fields)},${fill(carts[below(carts.length)], fields)}`;
  } else {
    const [light, pieces] = made.light[below(made.light.length)];
    name = light;
    inside = fill(pieces, fields);
  }
  return { ...request, method: "POST", path: `/event/v1/${name}`, body: `{${inside}}` };
}

const headers = { "content-type": "application/json", "x-thirdwatch-api-key": asked.key };
const options = {
  url: asked.url,
  connections: Number(asked.connections),
  duration: Number(asked.seconds),
  headers,
  requests: [{ setupRequest: next }],
};
if (asked.rate) options.overallRate = Number(asked.rate);
const took = { taken: [], refused: [] };
const looksFrom = Date.now() + 1000; // before that it is a rush
const p99 = (values) => (values.length ? values.sort((a, b) => a - b)[Math.floor((values.length - 1) * 0.99)] : 0);
const run = autocannon(options, (fault, found) => {
  if (fault) throw fault;
  const result = {
    requests: found.requests.total,
    duration_us: Math.round(found.duration * 1e6),
    not_2xx: found.non2xx,
    read: found.errors,
    timeout: found.timeouts,
    taken: found["2xx"],
    refused: found.non2xx,
    taken_p99_ms: p99(took.taken),
    refused_p99_ms: p99(took.refused),
  };
  console.log(`RESULT ${JSON.stringify(result)}`);
});
run.on("response", (client, status, bytes, ms) => {
  if (Date.now() > looksFrom) (status === 200 ? took.taken : took.refused).push(ms);
});
