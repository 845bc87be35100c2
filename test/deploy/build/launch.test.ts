import { spawn, spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

const LAUNCHERS = join(import.meta.dirname, "..", "..", "..", "deploy", "build", "bin");

/** Makes a Node take itself for an older one, as far as the launcher can see. The packaged Node is started without it. */
const PRETEND = `Object.defineProperty(process, "versions", { value: { node: process.env.PRETENDED_NODE } });`;

/** What the built CLI would be: says how it was started, and ends as it is told. */
const PROGRAM = `
const [how, ...rest] = process.argv.slice(2);
console.log(JSON.stringify({ pretended: process.versions.node === process.env.PRETENDED_NODE, program: process.argv[1], rest }));
if (how === "exit") process.exit(Number(rest[0]));
if (how === "wait") {
  process.on("SIGTERM", () => { console.log("told to stop"); process.exit(7); });
  setInterval(() => {}, 1000);
  console.log("waiting");
}
if (how === "die") process.kill(process.pid, "SIGKILL");
`;

describe("the launcher", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "weir-launch-"));
    cpSync(LAUNCHERS, join(folder, "dist", "bin"), { recursive: true });
    put("dist/package.json", `{ "type": "module" }`);
    put("dist/src/cli/main.js", PROGRAM);
    put("pretend.cjs", PRETEND);
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  function put(path: string, text: string): void {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }

  /** Installs the npm package `node`, whose binary is the Node of this test. */
  function installNode(): void {
    put("node_modules/node/package.json", "{}");
    mkdirSync(join(folder, "node_modules/node/bin"));
    symlinkSync(process.execPath, join(folder, "node_modules/node/bin/node"));
  }

  function command(args: readonly string[]): readonly string[] {
    return ["--require", join(folder, "pretend.cjs"), join(folder, "dist/bin/weir.cjs"), ...args];
  }

  function start(pretendedNode: string, args: readonly string[]) {
    const env = { ...process.env, PRETENDED_NODE: pretendedNode };
    return spawnSync(process.execPath, command(args), { env, encoding: "utf8" });
  }

  it.each(["22.19.0", "22.23.3", "24.0.0", "26.10.0"])(
    "starts the program in its own process on Node %s",
    (version) => {
      const ended = start(version, ["show", "a b"]);
      expect(JSON.parse(ended.stdout)).toEqual({
        pretended: true,
        program: join(folder, "dist", "src/cli/main.js"),
        rest: ["a b"],
      });
    },
  );

  it.each(["12.22.12", "20.20.2", "22.18.9"])("starts it on the packaged Node on Node %s", (version) => {
    installNode();
    const ended = start(version, ["show", "a b"]);
    expect(JSON.parse(ended.stdout)).toMatchObject({ pretended: false, rest: ["a b"] });
    expect(ended.status).toBe(0);
  });

  it("says what is needed if there is no packaged Node", () => {
    const ended = start("20.20.2", ["show"]);
    expect(ended.status).toBe(1);
    expect(ended.stdout).toBe("");
    expect(ended.stderr).toMatch(/^weir needs Node\.js 22\.19 or newer; this is v.+\n.+`node` allowed,\n.+\n$/);
  });

  it("says so too if its package is there without the binary", () => {
    put("node_modules/node/package.json", "{}");
    expect(start("20.20.2", ["show"])).toMatchObject({
      status: 1,
      stderr: expect.stringContaining("weir needs Node.js"),
    });
  });

  it("ends as the program does", () => {
    installNode();
    expect(start("20.20.2", ["exit", "3"]).status).toBe(3);
    expect(start("20.20.2", ["die"]).signal).toBe("SIGKILL");
  });

  it("passes on the wish to stop", async () => {
    installNode();
    const child = spawn(process.execPath, command(["wait"]), { env: { ...process.env, PRETENDED_NODE: "20.20.2" } });
    let output = "";
    const ended = new Promise<number | null>((resolve) => child.on("exit", resolve));
    child.stdout.on("data", (chunk: Buffer) => {
      output += chunk.toString();
      if (output.endsWith("waiting\n")) child.kill("SIGTERM");
    });
    expect(await ended).toBe(7);
    expect(output).toContain("told to stop");
  });
});
