import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { EXAMPLE } from "../../src/cli/plan/compute.ts";
import { fleetDocumentSchema } from "../../src/io/yaml/fleet/schema.ts";
import type { ComputedFleet } from "../../src/planner/compute/computed.ts";
import { Operator } from "./fleet.ts";

const folder = mkdtempSync(join(tmpdir(), "weir-compute-"));
const operator = new Operator(folder);
const file = join(folder, "fleet.yaml");

/** Writes a file and plans it, as a person without any planner does. */
async function compute(text: string, ...args: readonly string[]) {
  writeFileSync(file, text);
  return operator.weir(["plan", "compute", "-f", file, ...args]);
}

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

describe("weir plan compute", () => {
  it("plans the example of its help, with no planner and no login", async () => {
    const { code, out, err } = await compute(EXAMPLE);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(out).toMatch(/^shop\/checkout: \d+\.\dms on average, \$\d+\.\d\d\/h; optimal\n/);
    expect(out).toMatch(/\n {2}SOURCE +DEMAND +DESTINATION +WEIGHT +RPS +LATENCY +PRICE\n/);
    expect(out).toMatch(/\n {2}eu-west +950 +eu-north\/v1 +\d/);
    expect(out).toContain("without other-cloud: ");
    expect((await operator.weir(["plan", "compute", "--help"])).out).toContain(EXAMPLE.split("\n").at(-1));
  });

  it("explains weights in costs that add up", async () => {
    const { out } = await compute(EXAMPLE, "--explain");
    const sums = [...out.matchAll(/costs ([\d.]+ ms network(?: \+ [\d.]+ ms [a-z ]+)*) = ([\d.]+) ms/g)];
    expect(sums.length).toBeGreaterThan(3);
    for (const [, parts = "", total] of sums) {
      const sum = [...parts.matchAll(/([\d.]+) ms/g)].reduce((so, [, part]) => so + Number(part), 0);
      expect(sum).toBeCloseTo(Number(total), 1);
    }
  });

  it("answers in JSON and YAML with all that the table says", async () => {
    const { out } = await compute(EXAMPLE, "-o", "json");
    const fleet = JSON.parse(out) as ComputedFleet;
    const [service] = fleet.services;
    expect(service?.sources.map(({ weights }) => weights.reduce((sum, { weight }) => sum + weight, 0))).toEqual([
      10_000, 10_000, 10_000,
    ]);
    expect(service).toMatchObject({ rung: "optimum", isLossSurvived: false, unservedRps: 0 });
    expect((await compute(EXAMPLE, "-o", "yaml")).out).toContain("service: shop/checkout");
  });

  it("reads standard input, and plans one service of several", async () => {
    const two = `${EXAMPLE}
  - name: shop/cart
    demandRps: { eu-west: 10 }
    destinations: [{ cluster: eu-west, version: v1, servers: 1 }]
`;
    expect((await compute(two)).out).toMatch(
      /\n\n2 services, 1460 rps: .+, 2 of them would lack room without some cluster\n$/,
    );
    expect((await compute(two, "shop/cart")).out).toMatch(/^shop\/cart: /);
    expect(await compute(two, "shop/card")).toMatchObject({
      code: 2,
      err: `error: USAGE: there is no service "shop/card" in this file; known: shop/checkout, shop/cart\n`,
    });
    const run = await operator.process(["plan", "compute", "-f", "-"], { stdin: two });
    expect(run).toMatchObject({ code: 0, out: expect.stringContaining("shop/cart: ") as string });
  });

  it("says everything that is wrong with a file, each with its line", async () => {
    const wrong = EXAMPLE.replace("eu-west: 950", "eu-wst: 950").replace("servers: 16", "servers: -16");
    const { code, err, out } = await compute(wrong);
    expect({ code, out }).toEqual({ code: 1, out: "" });
    expect(err)
      .toBe(`error: UNKNOWN_CLUSTER services[0].demandRps.eu-wst: ${file} line 8: "eu-wst" is no cluster of this document; did you mean eu-west?
error: FIELD_INVALID services[0].destinations[0].servers: ${file} line 11: is the number -16; a finite number of at least 0 is wanted
hint: see \`weir plan schema\` for everything that a fleet may say
`);
    expect(await operator.weir(["plan", "compute", "-f", join(folder, "none.yaml")])).toMatchObject({ code: 2 });
  });
});

describe("weir plan schema", () => {
  it("prints the schema as JSON, as it is", async () => {
    const { code, out } = await operator.weir(["plan", "schema"]);
    expect(code).toBe(0);
    expect(JSON.parse(out)).toEqual(JSON.parse(JSON.stringify(fleetDocumentSchema())));
  });
});

describe("the README", () => {
  it("shows the example of the help", () => {
    const readme = readFileSync(join(import.meta.dirname, "..", "..", "README.md"), "utf8");
    expect(readme).toContain(`# fleet.yaml\n${EXAMPLE}\n`);
  });
});
