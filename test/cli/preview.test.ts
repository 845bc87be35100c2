import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Fleet, SERVICE } from "./fleet.ts";
import type { Run } from "./fleet.ts";

/** Each of these asks a real planner on a real log. */
const LIMIT_MS = 120_000;

/** 20 ms round trips; each cluster takes 100, of which 90 are filled. */
const STEPPED = SERVICE.replace("{bake: 300ms, maxStep: 25%}", "{bake: 0s, maxStep: 50%}");

const fleet = new Fleet();
const weir = async (...args: readonly string[]): Promise<Run> => fleet.operator.weir(args);
const sequence = async (): Promise<unknown> => (await fleet.operator.json(["service", "list"]))["sequence"];

async function apply(text: string): Promise<void> {
  const file = join(fleet.folder, "service.yaml");
  writeFileSync(file, text);
  expect(await weir("service", "apply", "-f", file)).toMatchObject({ code: 0 });
}

beforeAll(async () => {
  await fleet.startWithTwo();
  await apply(STEPPED);
  await fleet.until("the service is planned", async () => {
    const { out } = await weir("plan", "show");
    return out.includes("us-east/v1     100%") && out.includes("(settled)");
  });
}, LIMIT_MS);

afterAll(async () => {
  await fleet.stop();
}, LIMIT_MS);

describe("weir preview", { timeout: LIMIT_MS }, () => {
  it("shows where more requests would go, with what each cluster has free, and appends nothing", async () => {
    const before = await sequence();
    const { code, out, err } = await weir("preview", "--demand", "2.5");
    expect({ code, err }).toEqual({ code: 0, err: "" });
    // us-east asks for 100 and keeps 90; eu-west serves its own 50.
    expect(out).toMatch(/^1 of 1 service move \d+\/s, in at most \d+ steps?; all find room$/m);
    expect(out).toMatch(/^demand +60\/s +150\/s +150\/s$/m);
    expect(out).toMatch(/^eu-west +20\/s +\d+\/s +100\/s +\d+(\.\d+)?%$/m);
    expect(out).toMatch(/^shop\/checkout: \d+\/s move$/m);
    expect(await sequence()).toBe(before);
  });

  it("says where and by how much a lost cluster and more demand overload, and ends with 4", async () => {
    const { code, out, err } = await weir("preview", "--lose", "eu-west", "--demand", "@us-east=3");
    // 120 rps on the 90 of 100 that are filled.
    expect(code).toBe(4);
    expect(err).toContain("error: NO_ROOM: 30.0/s find no room in the end, 0.0/s now");
    expect(out).toMatch(/^beyond limits +0\/s +30\/s +30\/s$/m);
    expect(out).toMatch(/^beyond capacity +0\/s +20\/s +20\/s$/m);
    expect(out).toMatch(/^us-east +40\/s +120\/s +100\/s +-20% +30\/s$/m);
    expect(out).toContain("fullest: shop/checkout at us-east/v1, 120% of 100/s");
    expect(out).toContain("then 0 of 1 service outlive the loss of any one more cluster, 1 do now");
  });

  it("gives the whole answer as JSON", async () => {
    const found = await fleet.operator.json(["preview", "--capacity", "shop/checkout@us-east/v1=20rps"]);
    expect(found).toMatchObject({
      summary: { services: 1, movingServices: 1, after: { demandRps: 60, overLimitRps: 0 } },
      services: [
        {
          service: "shop/checkout",
          // 20 * 0.9 = 18 stay of 40.
          atOnce: { cost: { overLimitRps: 22, overCapacityRps: 20 }, leastFreeShare: -1 },
          after: { loads: [{ destination: { cluster: "eu-west" } }, { destination: { cluster: "us-east" } }] },
        },
      ],
    });
  });

  it("refuses what is wrong, with its field", async () => {
    expect(await weir("preview")).toMatchObject({ code: 1, err: expect.stringContaining("EMPTY_PLAN") as string });
    const unknown = await weir("preview", "--lose", "eu-wset", "--demand", "shop/cart=2");
    expect(unknown).toMatchObject({ code: 1, out: "" });
    expect(unknown.err).toContain("UNKNOWN_SERVICE demands[0].service");
    expect(unknown.err).toContain('lost_clusters[0]: no cluster is called "eu-wset"; there are eu-west, us-east');
    expect(await weir("preview", "--demand", "lots")).toMatchObject({ code: 2 });
    expect(await weir("preview", "--demand", "1001")).toMatchObject({
      code: 1,
      err: expect.stringContaining("FIELD_INVALID demands[0].factor") as string,
    });
    const shift = await weir("preview", "--shift", "shop/checkout@us-east:eu-west/v9=100%");
    expect(shift.err).toContain("UNKNOWN_DESTINATION shifts[0].target.split.weights[0].destination");
  });

  it("has a drain refused whose preview no longer holds, and lets one through that does", async () => {
    const pinOf = ({ out }: Run): string => /weir cluster drain eu-west --pin (\S+)/.exec(out)?.[1] ?? "";
    const old = await weir("preview", "--drain", "eu-west", "--step", "25%");
    expect(old).toMatchObject({ code: 0 });
    expect(old.out).toMatch(/^ {2}step 1, operator +eu-west: eu-west\/v1 75%, us-east\/v1 25%$/m);
    await apply(STEPPED.replace("us-east: 40", "us-east: 45"));
    const drain = ["cluster", "drain", "eu-west", "--step", "25%", "--bake", "0s"];
    const refused = await weir(...drain, "--pin", pinOf(old));
    expect(refused).toMatchObject({ code: 1, err: expect.stringContaining("INPUTS_MOVED pinned_digest") as string });
    expect((await weir("cluster", "list")).out).not.toContain("drain");
    const fresh = await weir("preview", "--drain", "eu-west", "--step", "25%");
    expect(await weir(...drain, "--pin", pinOf(fresh))).toMatchObject({ code: 0 });
    expect((await weir("cluster", "list")).out).toContain("drain");
  });
});
