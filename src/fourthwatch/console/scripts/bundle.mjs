// Bundles the console's scripts: `node bundle.mjs WORKSHOP TARGET`, with the npm packages in WORKSHOP/node_modules.
// The graph, the charts and the editor are pieces of their own, which a page loads when it has one.
import { createRequire } from "node:module";
import { rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const [workshop, target] = process.argv.slice(2);
const { build } = createRequire(join(workshop, "package.json"))("esbuild");

rmSync(target, { recursive: true, force: true });
await build({
  entryPoints: [join(here, "main.js"), join(here, "vendor.css")],
  nodePaths: [join(workshop, "node_modules")],
  outdir: target,
  bundle: true,
  splitting: true,
  format: "esm",
  target: ["es2022"],
  minify: true,
  legalComments: "linked",
  entryNames: "[name]",
  chunkNames: "part-[hash]",
  assetNames: "[name]-[hash]",
  loader: { ".woff2": "file" },
  logLevel: "warning",
});
