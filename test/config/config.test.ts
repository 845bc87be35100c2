import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { loadConfig } from "../../src/config.ts";
import { configKeys } from "../../src/config/keys.ts";
import { DEFAULT_SETTINGS } from "../../src/model/settings.ts";

const folder = mkdtempSync(join(tmpdir(), "weir-config-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function file(text: string): string {
  const path = join(folder, `${Math.random()}.yaml`);
  writeFileSync(path, text);
  return path;
}

function problemsOf(text: string, more: { args?: string[]; env?: Record<string, string> } = {}): readonly string[] {
  const loaded = loadConfig({ args: ["--config", file(text), ...(more.args ?? [])], env: more.env ?? {} });
  return loaded.ok ? [] : loaded.refusal.map((line) => line.replaceAll(/\/\S*\.yaml/g, "FILE"));
}

describe("the planner's configuration", () => {
  it("has a default for everything", () => {
    const loaded = loadConfig({ args: [], env: {} });
    expect(loaded).toMatchObject({
      ok: true,
      value: { kind: "run", config: { replica: "planner-1", settings: DEFAULT_SETTINGS, timing: { tickMs: 1_000 } } },
    });
  });

  it("takes the file over defaults, the environment over the file, flags over the environment", () => {
    const path = file("timing: {tickMs: 2, heartbeatMs: 2, leaderTimeoutMs: 2}\n");
    const env = { WEIR_TIMING_HEARTBEAT_MS: "3", WEIR_TIMING_LEADER_TIMEOUT_MS: "3" };
    const loaded = loadConfig({ args: ["--config", path, "--timing.leaderTimeoutMs=4"], env });
    expect(loaded).toMatchObject({
      ok: true,
      value: { config: { timing: { tickMs: 2, heartbeatMs: 3, leaderTimeoutMs: 4, electionSpreadMs: 500 } } },
    });
  });

  it("reads lists from environment and flags, and paths as relative to the file", () => {
    const loaded = loadConfig({
      args: ["--config", file("pki: {caKey: secret/ca.key}"), "--settings.rampCeilings", "5000, 10000"],
      env: { WEIR_NATS_URLS: "nats://a:1,nats://b:2" },
    });
    expect(loaded).toMatchObject({
      ok: true,
      value: {
        config: {
          pki: { caKey: join(folder, "secret/ca.key") },
          nats: { urls: ["nats://a:1", "nats://b:2"] },
          settings: { rampCeilings: [5_000, 10_000] },
        },
      },
    });
  });

  it("listens on a free port, but tells nobody to dial one that the next start changes", () => {
    const free = "listen: {join: 127.0.0.1:0, agent: '[::1]:0', operator: 127.0.0.1:0, http: 127.0.0.1:0}";
    expect(problemsOf(`${free}\nadvertise: {operator: [planner-1.example:7443]}\ntiming: {tickMs: 0}`)).toEqual([
      expect.stringMatching(/^timing\.tickMs: 0 /),
      expect.stringMatching(
        /^listen\.join: "127\.0\.0\.1:0" is another port after each start.*; choose one, or set advertise\.join \(FILE:1\)$/,
      ),
      expect.stringMatching(/^listen\.agent: "::1:0" is another port .*advertise\.agent \(FILE:1\)$/),
    ]);
    const told = "advertise: {join: [a.example:1], agent: [a.example:2], operator: [a.example:3]}";
    expect(problemsOf(`${free}\n${told}`)).toEqual([]);
    const flag = loadConfig({ args: ["--listen.agent", "127.0.0.1:0"], env: {} });
    expect(flag).toMatchObject({ ok: false, refusal: [expect.stringContaining("(flag --listen.agent)")] });
  });

  it("takes IPv6 addresses in brackets", () => {
    const loaded = loadConfig({ args: ["--listen.agent", "[::1]:7442"], env: {} });
    expect(loaded).toMatchObject({ ok: true, value: { config: { listen: { agent: { host: "::1", port: 7_442 } } } } });
  });

  it("names every single thing that is wrong, with key, value, place and way out", () => {
    const problems = problemsOf(
      [
        "replcia: p1",
        "listen:",
        "  agent: 127.0.0.1:99999",
        "  joni: x",
        "settings: {panicRatio: 3}",
        "nats: {urls: [http://x]}",
      ].join("\n"),
      { args: ["--listen.http", "nowhere", "--foo", "1"], env: { WEIR_TIMING_TICK_MS: "soon" } },
    );
    const wanted = [
      /^replcia: is no key of the configuration \(FILE:1\); did you mean replica\?$/,
      /^listen\.agent: "127\.0\.0\.1:99999" is not host:port with a port from 0 to 65535; .*\(FILE:3\)$/,
      /^listen\.joni: is no key of the configuration \(FILE:4\); did you mean listen\.join\?$/,
      /^settings\.panicRatio: 3 .*\(FILE:5\)$/,
      /^nats\.urls\.0: "http:\/\/x" is not a NATS URL; .*\(FILE:6\)$/,
      /^listen\.http: "nowhere" is not host:port .*\(flag --listen\.http\)$/,
      /^foo: is no key of the configuration \(flag --foo\)/,
      /^timing\.tickMs: "soon" .*\(WEIR_TIMING_TICK_MS\)$/,
    ];
    for (const line of wanted) expect(problems).toContainEqual(expect.stringMatching(line));
    expect(problems).toHaveLength(wanted.length);
  });

  it.each([
    ["a repeated key", "replica: a\nreplica: b\n"],
    ["a tag", "replica: !!js/function x\n"],
    ["an alias", "a: &a [1]\nreplica: *a\n"],
    ["a list", "- replica\n"],
    ["broken YAML", "replica: [\n"],
    ["a name that is none", "replica: Planner_1\n"],
    ["a number where a text belongs", "replica: 1\n"],
  ])("refuses %s", (_what, text) => {
    expect(problemsOf(text)).not.toEqual([]);
  });

  it("says that a file cannot be read, and that a flag lacks its value", () => {
    const missing = loadConfig({ args: ["--config", "/nowhere/weir.yaml"], env: {} });
    expect(missing).toMatchObject({
      ok: false,
      refusal: [expect.stringContaining("/nowhere/weir.yaml cannot be read")],
    });
    const bare = loadConfig({ args: ["--replica"], env: {} });
    expect(bare).toMatchObject({ ok: false, refusal: [expect.stringContaining("--replica")] });
  });

  it("treats an empty file as no file", () => {
    expect(problemsOf("# nothing yet\n")).toEqual([]);
  });

  it("lists its keys", () => {
    expect(configKeys()).toContain("listen.agent");
    expect(configKeys()).toContain("settings.deadAfterMs");
  });
});
