import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const REPO = join(import.meta.dirname, "..", "..");
const ENTRIES = ["src/main.ts", "src/cli/main.ts", "agents/main.ts"];
const { version } = JSON.parse(readFileSync(join(REPO, "package.json"), "utf8")) as { readonly version: string };

/** Building takes seconds, installing 150 packages and a Node with a cold cache minutes. */
const INSTALL_TIMEOUT_MS = 10 * 60_000;

describe.skipIf(!ENTRIES.every((entry) => existsSync(join(REPO, entry))))("the package", () => {
  const folder = mkdtempSync(join(tmpdir(), "weir-package-"));
  const consumer = join(folder, "consumer");

  beforeAll(() => {
    run("npm", ["pack", "--loglevel=error", "--pack-destination", folder], REPO);
    mkdirSync(consumer);
    writeFileSync(join(consumer, "package.json"), `{ "private": true, "allowScripts": { "node": true } }`);
    const tarball = readdirSync(folder).find((name) => name.endsWith(".tgz")) ?? "";
    run(
      "npm",
      ["install", "--prefer-offline", "--no-audit", "--no-fund", "--loglevel=error", join(folder, tarball)],
      consumer,
    );
  }, INSTALL_TIMEOUT_MS);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it.each(["weir", "weir-planner", "weir-agent"])("installs a %s that says its version", (name) => {
    expect(run(join(consumer, "node_modules", ".bin", name), ["--version"], consumer).trim()).toBe(version);
  });

  it("brings JavaScript only, and its license", () => {
    const installed = join(consumer, "node_modules", "weir");
    const files = readdirSync(installed, { recursive: true, encoding: "utf8" });
    expect(files.filter((path) => path.endsWith(".ts"))).toEqual([]);
    expect(readdirSync(installed).toSorted()).toEqual(["LICENSE", "README.md", "dist", "package.json"]);
  });
});

/** Runs a program to its end and returns what it prints. npm must not take the settings of the npm that runs this test. */
function run(command: string, args: readonly string[], cwd: string): string {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("npm_")));
  return execFileSync(command, args, { cwd, env, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
}
