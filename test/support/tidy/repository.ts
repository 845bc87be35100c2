import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { parseSource } from "./source.ts";
import type { Source } from "./source.ts";

const ROOT = join(import.meta.dirname, "..", "..", "..");

/** Where hand-written TypeScript lives. proto/gen is generated. */
const SOURCE_FOLDERS = ["src", "agents", "deploy", "test"];

/** The whole of the top level, fixed. Dotfiles (.ci among them) come on top. */
const TOP_LEVEL: ReadonlySet<string> = new Set([
  "README.md",
  "LICENSE",
  "package.json",
  "package-lock.json",
  "tsconfig.json",
  "proto",
  "src",
  "agents",
  "deploy",
  "test",
]);

/** Made by tools and never committed. */
const MADE_HERE = /^(node_modules|dist|coverage|.+\.tgz|.+\.log)$/;

/** Every hand-written TypeScript file, parsed, sorted by path. */
export function readSources(): readonly Source[] {
  return SOURCE_FOLDERS.flatMap(filesUnder)
    .filter((path) => /\.tsx?$/.test(path))
    .toSorted()
    .map((path) => parseSource(path, readFileSync(join(ROOT, path), "utf8")));
}

function filesUnder(folder: string): readonly string[] {
  if (!existsSync(join(ROOT, folder))) return [];
  return readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    if (entry.name === "node_modules") return [];
    return entry.isDirectory() ? filesUnder(path) : [path];
  });
}

/** The names at the top of the repository. */
export function topLevel(): readonly string[] {
  return readdirSync(ROOT);
}

/** Those of `entries` that the layout does not have. */
export function strangers(entries: readonly string[]): readonly string[] {
  return entries.filter((name) => !TOP_LEVEL.has(name) && !name.startsWith(".") && !MADE_HERE.test(name));
}
