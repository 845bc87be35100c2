import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { HELP, configure } from "../../agents/config.ts";
import type { Config } from "../../agents/config/settings.ts";
import { aFolder } from "./io/folders.ts";

const SOUND = "mesh: {kind: memory}\n";

/** What a file of this text, flags and environment come to. */
function configured(text: string, args: readonly string[] = [], env: Record<string, string> = {}) {
  const path = join(aFolder(), "agent.yaml");
  writeFileSync(path, text);
  return { path, result: configure(["--config", path, ...args], env) };
}

function configOf(text: string, args: readonly string[] = [], env: Record<string, string> = {}): Config {
  const { result } = configured(text, args, env);
  if (!result.ok || result.value.kind !== "run") throw new Error(JSON.stringify(result));
  return result.value.config;
}

describe("configure", () => {
  it("has a default for everything but the mesh's gateway", () => {
    const { mesh, dataDir, heartbeatMs, planners, limits } = configOf(SOUND);
    expect({ mesh, dataDir, heartbeatMs, planners }).toEqual({
      mesh: { kind: "memory" },
      dataDir: "/var/lib/weir-agent",
      heartbeatMs: 1_000,
      planners: [],
    });
    expect(limits.shrinkRatioMax).toBe(0.2);
    expect(configured("{}").result).toEqual({ ok: false, refusal: [expect.stringContaining("gateway: is required")] });
  });

  it("reads an Envoy's site, with paths relative to the file", () => {
    const text =
      "mesh: {kind: envoy, address: 127.1.1.1, xds: {address: 127.1.1.1, port: 18001}, envoys: 2}\ngateway: {address: 127.1.1.1, port: 9000}\nendpointsFile: endpoints.yaml\ndataDir: data\n";
    const { path, result } = configured(text);
    if (!result.ok || result.value.kind !== "run") throw new Error("refused");
    const folder = join(path, "..");
    expect(result.value.config).toMatchObject({
      mesh: { kind: "envoy", address: "127.1.1.1", xds: { address: "127.1.1.1", port: 18_001 }, envoys: 2 },
      gateway: { address: "127.1.1.1", port: 9_000 },
      endpointsFile: join(folder, "endpoints.yaml"),
      dataDir: join(folder, "data"),
      socket: join(folder, "data", "agent.sock"),
    });
  });

  it("lets the environment win over the file, and a flag over both", () => {
    const text = `${SOUND}logLevel: warn\n`;
    const env = { WEIR_AGENT_LOG_LEVEL: "error", WEIR_AGENT_TOKEN: "from-env" };
    expect(configOf(text).logLevel).toBe("warn");
    expect(configOf(text, [], env)).toMatchObject({ logLevel: "error", token: "from-env" });
    expect(configOf(text, ["--log-level", "debug", "--token", "t"], env)).toMatchObject({
      logLevel: "debug",
      token: "t",
    });
  });

  it("takes the token from a file, so that no argument shows it", () => {
    const file = join(aFolder(), "token");
    writeFileSync(file, "weir1.abc\n");
    expect(configOf(SOUND, ["--token-file", file]).token).toBe("weir1.abc");
    expect(configured(SOUND, ["--token-file", `${file}.none`]).result).toMatchObject({ ok: false });
  });

  it.each([
    ["heartbeat: 5", "heartbeat: is no key of an agent's configuration"],
    ["hartbeatMs: 500", "did you mean heartbeatMs?"],
    ["mesh: {kind: istio}", `mesh.kind: is "istio"; one of envoy, memory is wanted`],
    ["mesh: 5", "mesh: is no mapping"],
    ["gateway: {address: a, port: 70000}", "gateway.port: is 70000; a number from 1 to 65535 is wanted"],
    ["gateway: {port: 80}", "gateway.address: is required"],
    ["planners: 127.0.0.1:7442", "planners: is"],
    ["planners: [nowhere]", "a list of host:port is wanted"],
    ["limits: {shrinkRatioMax: 2}", "limits.shrinkRatioMax: is 2; a number from 0 to 1 is wanted"],
    ["bakeMs: soon", `bakeMs: is "soon"; a number`],
    ["dataDir: 7", "dataDir: is 7; a text is wanted"],
    ["logLevel: loud", "logLevel: is"],
    ["report: {turnMs: 60000}", "report.turnMs"],
    ["[1, 2]", "the document: is no key"],
    ["a: 1\na: 2", "unique"],
    ["mesh: {", "agent.yaml"],
  ])("refuses %j in one line that names the key", (text, words) => {
    const { result } = configured(text);
    expect(result.ok ? "" : result.refusal.join("\n")).toContain(words);
  });

  it("says everything that is wrong, not the first thing", () => {
    const { result } = configured("mesh: {kind: memory}\nbakeMs: -1\nheartbeatMs: 1\nlogLevel: 3\nfoo: 1\n");
    expect(result.ok ? [] : result.refusal).toHaveLength(4);
  });

  it("refuses a file that is not there, and flags that it does not know", () => {
    expect(configure(["--config", "/nowhere/agent.yaml"], {})).toMatchObject({
      ok: false,
      refusal: [expect.stringContaining("ENOENT")],
    });
    expect(configure(["--verbose"], {})).toMatchObject({ ok: false, refusal: [expect.stringContaining("--help")] });
  });

  it("answers --version and --help whatever else is wrong", () => {
    expect(configure(["--version"], { WEIR_AGENT_CONFIG: "/nowhere" })).toEqual({
      ok: true,
      value: { kind: "version" },
    });
    expect(configure(["--help"], {})).toEqual({ ok: true, value: { kind: "help" } });
    expect(HELP).toContain("WEIR_AGENT_TOKEN");
  });
});
