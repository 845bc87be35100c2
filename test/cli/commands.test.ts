import { copyFileSync, mkdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ComputedFleet } from "../../src/planner/compute/computed.ts";
import { Fleet, SERVICE } from "./fleet.ts";
import type { Run } from "./fleet.ts";

/** Each of these starts real processes, one after the other. */
const LIMIT_MS = 120_000;

const fleet = new Fleet();
const at = (name: string): string => join(fleet.folder, name);
const weir = async (...args: readonly string[]): Promise<Run> => fleet.operator.weir(args);

beforeAll(async () => {
  await fleet.start();
}, LIMIT_MS);

afterAll(async () => {
  await fleet.stop();
}, LIMIT_MS);

describe("weir, against a real planner", { timeout: LIMIT_MS }, () => {
  it("says what to do before anybody logged in", async () => {
    expect(await fleet.operator.process(["status"])).toEqual({
      code: 2,
      out: "",
      err: "error: USAGE: no planner is known\nhint: say where it is with `weir login`, or with --socket PATH\n",
    });
  });

  it("logs in over the socket and keeps the key to its owner", async () => {
    const run = await weir("login", "--socket", fleet.socket, "--operator", "ana");
    expect(run).toMatchObject({
      code: 0,
      out: expect.stringContaining("you are operator:ana at 127.0.0.1:") as string,
    });
    const key = join(fleet.folder, "config", "weir", "default", "operator.key");
    expect(statSync(key).mode & 0o777).toBe(0o600);
    expect(await weir("whoami")).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^operator:ana at planner-1, /) as string,
    });
    expect(await weir("context", "list")).toMatchObject({
      out: expect.stringMatching(/valid for (6d23h|7d)/) as string,
    });
  });

  it("logs in with a certificate that init made, and goes back", async () => {
    const { contexts } = await fleet.operator.json(["context", "list"]);
    const [address = ""] = (contexts as { readonly addresses: readonly string[] }[])[0]?.addresses ?? [];
    const files = ["--cert", at("operators/admin.crt"), "--key", at("operators/admin.key"), "--ca", at("pki/ca.crt")];
    const run = await weir("login", "--address", address, ...files, "--name", "admin");
    expect(run).toMatchObject({ code: 0, out: expect.stringContaining("operator:admin") as string });
    expect(await weir("context", "use", "default")).toMatchObject({ code: 0, out: "using default\n" });
    expect(await weir("context", "use", "nope")).toMatchObject({ code: 2 });
    expect((await weir("whoami", "--context", "admin")).out).toContain("operator:admin");
  });

  it("explains why a certificate gets nowhere", async () => {
    mkdirSync(join(fleet.folder, "other"));
    const other = join(fleet.folder, "other");
    expect(await weir("init", "--dir", other)).toMatchObject({ code: 0 });
    expect(await weir("init", "--dir", other)).toMatchObject({
      code: 1,
      err: expect.stringContaining("exists already") as string,
    });
    const { contexts } = await fleet.operator.json(["context", "list"]);
    const address = (contexts as { readonly addresses: readonly string[] }[])[1]?.addresses[0] ?? "";
    const own = ["--cert", join(other, "operators/admin.crt"), "--key", join(other, "operators/admin.key")];
    const login = async (...args: readonly string[]): Promise<Run> =>
      weir("login", "--address", address, ...args, "--name", "bad");
    expect(await login(...own, "--ca", join(fleet.folder, "pki/ca.crt"))).toMatchObject({
      code: 3,
      err: expect.stringContaining("was not issued by the CA in") as string,
    });
    expect(await login(...own, "--ca", join(other, "pki/ca.crt"))).toMatchObject({
      code: 3,
      err: expect.stringContaining("shows a certificate of another CA") as string,
    });
    copyFileSync(join(fleet.folder, "operators/admin.key"), join(other, "wrong.key"));
    const mixed = ["--cert", join(other, "operators/admin.crt"), "--key", join(other, "wrong.key")];
    expect(await login(...mixed, "--ca", join(other, "pki/ca.crt"))).toMatchObject({
      code: 3,
      err: expect.stringContaining("wrong.key is not the key of") as string,
    });
    expect(await weir("context", "list")).toMatchObject({ out: expect.not.stringContaining("bad") as string });
  });

  it("says when nothing listens", async () => {
    expect(await weir("status", "--address", "127.0.0.1:1")).toMatchObject({
      code: 3,
      err: expect.stringContaining("error: UNREACHABLE: 127.0.0.1:1 refuses connections") as string,
    });
    expect(await weir("status", "--socket", join(fleet.folder, "nowhere"))).toMatchObject({ code: 3 });
    expect(await weir("status", "--address", "nonsense")).toMatchObject({ code: 2 });
  });

  it("takes clusters in", async () => {
    await fleet.join("eu-west");
    await fleet.join("us-east");
    const { out } = await weir("cluster", "list");
    expect(out).toMatch(/^CLUSTER +REGION +MEMBERSHIP +HEALTH +LAST REPORT\neu-west +here +active +healthy /);
    expect(await weir("cluster", "show", "eu-west")).toMatchObject({
      code: 0,
      out: expect.stringContaining("127.0.0.1:15000") as string,
    });
  });

  it.each([
    [["cluster", "register", "EU.west"], "BAD_NAME spec.name"],
    [["cluster", "register", "eu-west"], "ALREADY_EXISTS"],
    [["cluster", "show", "nope"], "UNKNOWN_CLUSTER cluster"],
    [["cluster", "drain", "nope"], "UNKNOWN_CLUSTER"],
    [["cluster", "list", "-l", ""], "EMPTY_SELECTOR selector"],
    [["cluster", "list", "-l", "tier=gold"], "SELECTOR_MATCHES_NONE selector"],
    [["service", "show", "shop/none"], "UNKNOWN_SERVICE service"],
    [["shift", "watch", "nope"], "UNKNOWN_SHIFT"],
    [["recover", "--yes", "--reason", "r"], "NOT_RECOVERABLE"],
  ])("prints what the planner refuses of %j in one line", async (args, start) => {
    const { code, out, err } = await weir(...args);
    expect({ code, out }).toEqual({ code: 1, out: "" });
    expect(err.split("\n")[0]).toMatch(new RegExp(`^error: ${start}[ :]`));
    expect(err).not.toContain("    at ");
  });

  it("applies a service from a file and from standard input, and shows it as a file that can be applied", async () => {
    writeFileSync(at("s.yaml"), SERVICE);
    expect(await weir("service", "apply", "-f", at("s.yaml"))).toEqual({
      code: 0,
      out: "service shop/checkout applied\n",
      err: "",
    });
    const { out } = await weir("service", "show", "shop/checkout");
    expect(out).toContain("bake: 300ms");
    const again = await fleet.operator.process(["service", "apply", "-f", "-"], { stdin: out.replace("8080", "8081") });
    expect(again).toMatchObject({ code: 0 });
    expect((await weir("service", "list")).out).toContain("shop/checkout  http      8081  v1");
    // What was shown first is older now: its resource version says so.
    writeFileSync(at("stale.yaml"), out);
    const stale = await weir("service", "apply", "-f", at("stale.yaml"));
    expect(stale).toMatchObject({ code: 1, err: expect.stringContaining("STALE_RESOURCE_VERSION") as string });
  });

  it("exports the fleet as a file that can be planned without it", async () => {
    const { code, out, err } = await weir("plan", "export");
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(out).toContain("  - name: eu-west\n    labels: { region: here }\n");
    writeFileSync(at("fleet.yaml"), out);
    const plan = await weir("plan", "compute", "-f", at("fleet.yaml"), "-o", "json");
    const [service] = (JSON.parse(plan.out) as ComputedFleet).services;
    expect(service).toMatchObject({ service: "shop/checkout", demandRps: 60, unservedRps: 0 });
    expect(service?.destinations.map(({ capacityRps }) => capacityRps)).toEqual([100, 100]);
    expect(JSON.parse((await weir("plan", "export", "-o", "json")).out)).toMatchObject({ kind: "Fleet" });
  });

  it("shows a policy as it was applied, in a form that changes nothing when it is applied again", async () => {
    const declared = "policy:\n  isolation: nearest\n  requiredLabels:\n    region: here\n  maxShare: 60.5%\n";
    writeFileSync(at("search.yaml"), `${SERVICE.replace("shop/checkout", "shop/search")}${declared}`);
    expect(await weir("service", "apply", "-f", at("search.yaml"))).toMatchObject({ code: 0 });
    const { out } = await weir("service", "show", "shop/search");
    expect(out).toContain(declared);
    writeFileSync(at("again.yaml"), out);
    expect(await weir("service", "apply", "-f", at("again.yaml"))).toMatchObject({ code: 0 });
    expect((await weir("service", "show", "shop/search")).out).toBe(out);
    expect(await weir("service", "delete", "shop/search", "--force")).toMatchObject({ code: 0 });
  });

  it("shows how many destinations a cluster's mesh takes in one route", async () => {
    const register = (name: string, most: string) => weir("cluster", "register", name, "--max-destinations", most);
    expect(await register("ap-north", "16")).toMatchObject({ code: 0 });
    expect((await weir("cluster", "show", "ap-north")).out).toMatch(/^most destinations +16 in one route$/m);
    expect(await weir("cluster", "unregister", "ap-north")).toMatchObject({ code: 0 });
    expect(await register("ap-north", "0")).toMatchObject({ code: 2, err: expect.stringContaining("16") as string });
  });

  it("keeps what a service prefers and releases, and refuses with the field what cannot be", async () => {
    const declared = [
      "kind: Service",
      "name: shop/offers",
      "port: 8090",
      "stableVersion: v1",
      "deployments: [{ cluster: eu-west, version: v1 }, { cluster: us-east, version: v2, capacityRps: 100 }]",
      "policy:",
      "  failover: { order: [{ own: cluster }, eu-west, us-east], healthyMin: 0.6 }",
      "  localityPenaltyMs: { region: 20 }",
      "  deniedLabels: { tier: [test] }",
      "release: { shares: { v2: 5% }, maxSourceShare: 25%, matches: [{ version: v2, headers: { x-canary: '1' } }] }",
      "",
    ].join("\n");
    writeFileSync(at("offers.yaml"), declared);
    expect(await weir("service", "apply", "-f", at("offers.yaml"))).toMatchObject({ code: 0, err: "" });
    const { out } = await weir("service", "show", "shop/offers");
    writeFileSync(at("again.yaml"), out);
    expect(await weir("service", "apply", "-f", at("again.yaml"))).toMatchObject({ code: 0 });
    expect((await weir("service", "show", "shop/offers")).out).toBe(out);
    expect((await weir("plan", "export")).out).toContain('headers: { x-canary: "1" }');
    writeFileSync(at("bad.yaml"), declared.replace("eu-west, us-east]", "eu-west, mars]"));
    const refused = await weir("service", "apply", "-f", at("bad.yaml"));
    expect(refused.code).not.toBe(0);
    expect(refused.err).toContain("UNKNOWN_CLUSTER spec.policy.failover.order[2].cluster");
    expect(await weir("service", "delete", "shop/offers", "--force")).toMatchObject({ code: 0 });
  });

  it("shows what egress costs", async () => {
    const args = ["cluster", "register", "ap-south", "--egress", "eu-west=0.02,us-east=0.09"];
    expect(await weir(...args)).toMatchObject({ code: 0 });
    expect((await weir("cluster", "show", "ap-south")).out).toMatch(
      /^egress +eu-west=\$0\.02\/GB, us-east=\$0\.09\/GB$/m,
    );
    expect(await weir("cluster", "unregister", "ap-south")).toMatchObject({ code: 0 });
    const wrong = await weir("cluster", "register", "ap-south", "--egress", "eu-west=-1");
    expect(wrong).toMatchObject({ code: 2, err: expect.stringContaining("a price in dollars") as string });
  });

  it("shifts, showing each step, and tells how it stands", async () => {
    await fleet.until("us-east is planned", async () =>
      (await weir("plan", "show")).out.includes("us-east/v1     100%"),
    );
    const to = ["shop/checkout", "--from", "us-east", "--to", "eu-west=50%"];
    const preview = await weir("shift", "preview", ...to);
    expect(preview).toMatchObject({
      code: 0,
      out: expect.stringContaining(
        "step 2  eu-west: eu-west/v1 100%; us-east: eu-west/v1 50%, us-east/v1 50%",
      ) as string,
    });
    const digest = /--pin (\S+)/.exec(preview.out)?.[1] ?? "";
    expect(await weir("shift", "request", ...to)).toMatchObject({
      code: 2,
      err: expect.stringContaining("--reason") as string,
    });
    const run = await weir("shift", "request", ...to, "--reason", "rack work", "--pin", digest, "--wait");
    expect(run).toMatchObject({ code: 0, err: "" });
    const lines = run.out.trim().split("\n");
    expect(lines.at(-1)).toMatch(/^\d\d:\d\d:\d\d completed, 2 steps: eu-west\/v1 50%, us-east\/v1 50%$/);
    expect(run.out).toContain("eu-west/v1 25%, us-east/v1 75% (target eu-west/v1 50%, us-east/v1 50%)");
    expect((await weir("shift", "list")).out).toMatch(
      /shop\/checkout +us-east +eu-west\/v1 50%, us-east\/v1 50% +completed +2 /,
    );
    expect((await weir("status")).out).toMatch(/us-east +0\/s +eu-west\/v1 +50% +50% +-[^]*survives? the loss of any/);
    expect((await weir("plan", "explain", "shop/checkout", "--source", "us-east")).out).toContain("pinned");
    expect((await weir("plan", "diff")).out).toContain("no differences");
  });

  it("ends a watch on Ctrl-C with its own exit code, and the shift goes on", async () => {
    const args = ["shop/checkout", "--from", "us-east", "--to", "us-east/v1=100%", "--bake", "1h", "--reason", "back"];
    const run = await fleet.operator.process(["shift", "request", ...args, "--wait"], { interruptAt: "1 step:" });
    expect(run).toMatchObject({ code: 130, err: expect.stringContaining("goes on") as string });
    const { shifts } = await fleet.operator.json(["shift", "list"]);
    const [newest] = shifts as { readonly shift: string; readonly phase: string }[];
    expect(newest?.phase).toBe("SHIFT_PHASE_PROGRESSING");
    const watching = weir("shift", "watch", newest?.shift ?? "");
    expect(await weir("shift", "abort", newest?.shift ?? "", "--reason", "enough")).toMatchObject({ code: 0 });
    // Whoever watched learns that it ended, and not well.
    expect(await watching).toMatchObject({ code: 4, err: expect.stringContaining("ended aborted") as string });
  });

  it("follows a drain to its end, across a planner that dies and returns", async () => {
    const draining = weir(
      "cluster",
      "drain",
      "eu-west",
      "--step",
      "25%",
      "--bake",
      "300ms",
      "--wait",
      "--request-timeout",
      "30s",
    );
    await fleet.until("the drain runs", async () => (await weir("cluster", "list")).out.includes("draining"));
    await fleet.kill("planner");
    await fleet.startPlanner();
    const run = await draining;
    expect(run).toMatchObject({ code: 0, err: "" });
    expect(run.out.trim().split("\n").at(-1)).toMatch(/ eu-west drained$/);
    expect((await weir("cluster", "list")).out).toContain("drained");
  });
});
