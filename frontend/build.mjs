// Bundles every app of this folder (one that has a main.ts) into src/sleuth/web/static/APP.
//
//     node build.mjs            writes the files
//     node build.mjs --check    writes nothing; fails where the files are not what the sources give
//
// `sources.sha256` lets Python's tests see without npm that sources and built files belong together.

import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const HERE = dirname(fileURLToPath(import.meta.url));
const STATIC = join(HERE, "..", "src", "sleuth", "web", "static");
const COMMON = "common";

const files = (folder) =>
  readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? files(join(folder, entry.name)) : [join(folder, entry.name)],
  );

/** One digest for all that an app is built from, as tests/web/test_static.py computes it. */
function digest(app) {
  const sources = [...files(join(HERE, app)), ...files(join(HERE, COMMON)), join(HERE, "package-lock.json")];
  const hash = createHash("sha256");
  for (const name of sources.map((file) => relative(HERE, file).replaceAll("\\", "/")).sort()) {
    hash.update(`${name}\0`).update(readFileSync(join(HERE, name))).update("\0");
  }
  return hash.digest("hex");
}

async function built(app) {
  const folder = join(HERE, app);
  // A page that is also opened from disk loads no module: browsers refuse modules there.
  const format = readFileSync(join(folder, "index.html"), "utf8").includes('type="module"') ? "esm" : "iife";
  const bundled = await build({
    entryPoints: [join(folder, "main.ts"), join(folder, "main.css")],
    bundle: true,
    minify: true,
    charset: "utf8",
    format,
    target: "es2022",
    legalComments: "none",
    outdir: join(STATIC, app),
    write: false,
    logLevel: "warning",
  });
  const results = bundled.outputFiles.map((file) => [file.path, Buffer.from(file.contents)]);
  results.push([join(STATIC, app, "index.html"), readFileSync(join(folder, "index.html"))]);
  results.push([join(STATIC, app, "sources.sha256"), Buffer.from(`${digest(app)}\n`)]);
  return results;
}

const apps = readdirSync(HERE).filter((name) => existsSync(join(HERE, name, "main.ts")) && statSync(join(HERE, name)).isDirectory());
const stale = [];
for (const app of apps) {
  for (const [path, content] of await built(app)) {
    if (existsSync(path) && readFileSync(path).equals(content)) continue;
    stale.push(relative(STATIC, path));
    if (!process.argv.includes("--check")) {
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, content);
    }
  }
}
if (process.argv.includes("--check") && stale.length) {
  console.error(`not what the sources give: ${stale.join(", ")}; run \`make frontend\``);
  process.exit(1);
}
