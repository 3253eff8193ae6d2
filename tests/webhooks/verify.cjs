// Verifies deliveries with the reference library for JavaScript, whose directory is the only argument.
//
// One JSON object per line comes in: `secret`, `headers`, `body`. Per line goes out what the library makes of it.
const { createInterface } = require("node:readline");
const { Webhook } = require(process.argv[2]);

createInterface({ input: process.stdin }).on("line", (line) => {
  const { secret, headers, body } = JSON.parse(line);
  try {
    process.stdout.write(JSON.stringify({ verified: new Webhook(secret).verify(body, headers) }) + "\n");
  } catch (error) {
    process.stdout.write(JSON.stringify({ refused: error.constructor.name }) + "\n");
  }
});
