import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { initDirectory } from "../../../src/io/pki/init.ts";
import type { InitPaths } from "../../../src/io/pki/init.ts";
import { run } from "../world/process.ts";

const LIMIT_MS = 60_000;
const EX_CONFIG = 78;
const folder = mkdtempSync(join(tmpdir(), "weir-bad-"));
let paths: InitPaths;

beforeAll(async () => {
  const nats = { host: "127.0.0.1", port: 4_222 };
  const options = { trustDomain: "weir", nats, operator: "admin", nowMs: Date.now() };
  paths = await initDirectory(join(folder, "fleet"), options);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const main = (path: string): string => join(import.meta.dirname, "../../..", path);

/** Runs a process with a configuration, and returns how it ended and the lines it printed. */
async function ends(program: string, text: string): Promise<{ code: unknown; lines: readonly string[] }> {
  const config = join(folder, "fleet", "bad.yaml");
  writeFileSync(config, text);
  const running = run(process.execPath, [main(program), "--config", config]);
  return { code: await running.ended, lines: running.said().trim().split("\n") };
}

const planner = async (text: string) => ends("src/main.ts", text);
const agent = async (text: string) => ends("agents/main.ts", `mesh: {kind: memory}\ndataDir: data\n${text}`);

describe("64: a configuration", { timeout: LIMIT_MS }, () => {
  it.each<[string, string, (text: string) => ReturnType<typeof ends>, RegExp]>([
    ["planner: an unknown key", "listn: {}\n", planner, /^weir-planner: listn: is no key.*did you mean listen/],
    [
      "planner: an unknown inner key",
      "listen: {agnet: '127.0.0.1:1'}\n",
      planner,
      /^weir-planner: listen\.agnet: is no key.*agent/,
    ],
    [
      "planner: a bad port",
      "listen: {agent: '127.0.0.1:99999'}\n",
      planner,
      /^weir-planner: listen\.agent: .*port from 0 to 65535/,
    ],
    ["planner: a key twice", "replica: a\nreplica: b\n", planner, /^weir-planner: .*bad\.yaml:\d.*correct the YAML/],
    [
      "planner: a missing CA",
      "pki: {caCertificate: none.crt}\n",
      planner,
      /^weir-planner: pki\.caCertificate: .*none\.crt cannot be read.*weir init/,
    ],
    ["planner: a trust domain that is another's", "trustDomain: other\n", planner, /^weir-planner: trustDomain: /],
    ["agent: an unknown key", "plannrs: []\n", agent, /plannrs: is no key.*did you mean planners\?/],
    [
      "agent: a bad port",
      "gateway: {address: 127.0.0.1, port: 99999}\n",
      agent,
      /gateway\.port: is 99999; a number from 1 to 65535/,
    ],
    ["agent: no address", "planners: [nonsense]\n", agent, /planners: .*a list of host:port is wanted/],
    ["agent: a key twice", "bakeMs: 1\nbakeMs: 2\n", agent, /bad\.yaml: .*unique/],
    ["agent: no token and no identity", "", agent, /weir cluster register/],
  ])("%s ends the process with 78 and one line", async (_what, text, start, line) => {
    const { code, lines } = await start(text);
    expect({ code, lines }).toEqual({ code: EX_CONFIG, lines: [expect.stringMatching(line)] });
  });

  it("with a CA key of mode 0777 ends the planner with 78 and the command that mends it", async () => {
    chmodSync(paths.caKey, 0o777);
    const { code, lines } = await planner(readFileSync(paths.plannerConfig, "utf8"));
    chmodSync(paths.caKey, 0o600);
    expect({ code, lines }).toEqual({
      code: EX_CONFIG,
      lines: [expect.stringMatching(/^weir-planner: pki\.caKey: .* mode 0777.*run: chmod 600 /)],
    });
  });

  it("tells everything that is wrong at once", async () => {
    const { code, lines } = await planner("listn: {}\nlisten: {agent: x, http: y}\n");
    expect(code).toBe(EX_CONFIG);
    expect(lines).toHaveLength(3);
  });
});
