/** `npm run build`: makes dist, the package that `npm pack` ships. It runs on any Node; see bin/launch.cjs. */
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { REPO, mustRunTool } from "./tool.ts";

const DIST = join(REPO, "dist");

/** What the files in bin/ start. */
const ENTRIES = ["src/main.js", "src/cli/main.js", "agents/main.js"];

function build(): void {
  rmSync(DIST, { recursive: true, force: true });
  mustRunTool("tsc", { args: ["--project", "deploy/build/tsconfig.json"] });
  for (const folder of ["src", "agents"]) copyAssets(folder);
  copyLaunchers();
  writeManifest();
  verify();
}

/** Pages, styles and pictures lie beside the code that serves them, in dist as in the sources. */
function copyAssets(folder: string): void {
  for (const file of filesUnder(join(REPO, folder)).filter((path) => !/\.tsx?$/.test(path))) {
    const target = join(DIST, relative(REPO, file));
    mkdirSync(dirname(target), { recursive: true });
    cpSync(file, target);
  }
}

function copyLaunchers(): void {
  const target = join(DIST, "bin");
  cpSync(join(REPO, "deploy", "build", "bin"), target, { recursive: true });
  for (const name of readdirSync(target)) chmodSync(join(target, name), 0o755);
}

/** Code that reads `../../package.json` for its version finds one, from src/cli as from dist/src/cli. */
function writeManifest(): void {
  const manifest = JSON.parse(readFileSync(join(REPO, "package.json"), "utf8")) as Record<string, unknown>;
  const { name, version, type, license } = manifest;
  writeFileSync(
    join(DIST, "package.json"),
    `${JSON.stringify({ name, version, type, license, private: true }, null, 2)}\n`,
  );
}

/** What the compiler does not notice: a program that is not there, a path to a source that dist does not have. */
function verify(): void {
  const missing = ENTRIES.filter((entry) => !existsSync(join(DIST, entry)));
  const stray = filesUnder(DIST).filter((file) => file.endsWith(".js") && namesSource(readFileSync(file, "utf8")));
  const problems = [
    ...missing.map((entry) => `${entry} was not built: its source is missing`),
    ...stray.map(
      (file) => `${relative(REPO, file)} opens a .ts file by URL; dist has .js. Take the ending from import.meta.url`,
    ),
  ];
  if (problems.length > 0) throw new Error(problems.join("\n"));
}

function namesSource(code: string): boolean {
  return /new URL\(\s*["'`][^"'`]*\.tsx?["'`]\s*,\s*import\.meta\.url/.test(code);
}

function filesUnder(folder: string): readonly string[] {
  const entries = readdirSync(folder, { withFileTypes: true, recursive: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

build();
