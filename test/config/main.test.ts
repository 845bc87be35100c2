import { spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { initDirectory } from "../../src/io/pki/init.ts";

const MAIN = join(import.meta.dirname, "../../src/main.ts");

/** Each run starts a process of its own, which takes its time on a busy machine. */
const PATIENCE_MS = 60_000;

function run(...args: readonly string[]) {
  const { status, stderr, stdout } = spawnSync(process.execPath, [MAIN, ...args], {
    encoding: "utf8",
    timeout: PATIENCE_MS,
  });
  return { status, stderr, stdout };
}

describe("the planner's process", { timeout: 3 * PATIENCE_MS }, () => {
  it("prints its version and its help", () => {
    expect(run("--version")).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/^weir-planner \d+\.\d+\.\d+\n$/),
    });
    expect(run("--help")).toMatchObject({ status: 0, stdout: expect.stringContaining("listen.agent") });
  });

  it("ends with 78 and a line for each thing that is wrong with its configuration", () => {
    const { status, stderr } = run("--listen.agent", "x", "--nonsense", "1");
    expect(status).toBe(78);
    expect(stderr.trim().split("\n")).toEqual([
      expect.stringMatching(/^weir-planner: listen\.agent: "x" is not host:port/),
      expect.stringMatching(/^weir-planner: nonsense: is no key/),
    ]);
  });

  it("ends with 78 when its secrets are missing, or open to others", async () => {
    const folder = mkdtempSync(join(tmpdir(), "weir-main-"));
    try {
      const missing = run("--pki.caKey", join(folder, "none"));
      expect(missing.status).toBe(78);
      expect(missing.stderr).toContain("weir init");
      const nats = { host: "127.0.0.1", port: 4_222 };
      const paths = await initDirectory(join(folder, "fleet"), {
        trustDomain: "weir",
        nats,
        operator: "admin",
        nowMs: Date.now(),
      });
      chmodSync(paths.caKey, 0o777);
      const { status, stderr } = run("--config", paths.plannerConfig);
      expect(status).toBe(78);
      expect(stderr).toBe(
        `weir-planner: pki.caKey: ${paths.caKey} has mode 0777, so that others can read or change it; run: chmod 600 ${paths.caKey}\n`,
      );
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
