import { join } from "node:path";
import { build } from "esbuild";

/** Modules in CommonJS ask for these; a bundle in ESM has none of them. */
const BANNER = `import { createRequire as _require } from "node:module";
import { dirname as _dirname } from "node:path";
import { fileURLToPath as _path } from "node:url";
const require = _require(import.meta.url), __filename = _path(import.meta.url), __dirname = _dirname(__filename);`;

/** Bundles a program into `folder` and returns the file to run. Adapters that are loaded when wanted stay apart. */
export async function bundle(entry: string, folder: string): Promise<string> {
  await build({
    entryPoints: { main: entry },
    outdir: folder,
    bundle: true,
    splitting: true,
    minify: true,
    platform: "node",
    target: "node22",
    format: "esm",
    outExtension: { ".js": ".mjs" },
    banner: { js: BANNER },
    logLevel: "error",
  });
  return join(folder, "main.mjs");
}
