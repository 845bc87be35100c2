import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Fleet, SERVICE } from "./fleet.ts";
import type { Run } from "./fleet.ts";

/** Each of these asks a real planner. */
const LIMIT_MS = 120_000;

const fleet = new Fleet();
const at = (name: string): string => join(fleet.folder, name);
const weir = async (...args: readonly string[]): Promise<Run> => fleet.operator.weir(args);

beforeAll(async () => {
  await fleet.startWithTwo();
  writeFileSync(at("s.yaml"), SERVICE);
  const { code, err } = await weir("service", "apply", "-f", at("s.yaml"));
  if (code !== 0) throw new Error(err);
}, LIMIT_MS);

afterAll(async () => {
  await fleet.stop();
}, LIMIT_MS);

describe("weir service apply", { timeout: LIMIT_MS }, () => {
  const apply = async (text: string): Promise<Run> => {
    writeFileSync(at("stdin"), text);
    return weir("service", "apply", "-f", at("stdin"));
  };

  it.each<[string, string, string]>([
    ["an empty file", "", "EMPTY_PLAN: stdin declares nothing"],
    ["an empty mapping", "{}", "EMPTY_PLAN: stdin line 1"],
    [
      "a misspelt field",
      SERVICE.replace("port:", "prot: 1\nport:"),
      "UNKNOWN_FIELD prot: stdin line 4: there is no such field; did you mean port?",
    ],
    [
      "a misspelt inner field",
      SERVICE.replace("capacityRps: 100}\ndemand", "capacityRsp: 100}\ndemand"),
      "UNKNOWN_FIELD deployments[1].capacityRsp: stdin line 8: there is no such field; did you mean capacityRps?",
    ],
    [
      "a key twice",
      `${SERVICE}port: 9\n`,
      'DUPLICATE_KEY port: stdin line 11: has "port" a second time; the first is on line 4',
    ],
    ["a function", SERVICE.replace("8080", "!!js/function 'x'"), "YAML_TAG: stdin line 4"],
    [
      "a port in quotes",
      SERVICE.replace("8080", '"8080"'),
      'FIELD_INVALID port: stdin line 4: is the text "8080"; a whole number is wanted',
    ],
    ["a port of another age", SERVICE.replace("8080", "1_000"), "FIELD_INVALID port"],
    [
      "a step without its unit",
      SERVICE.replace("25%", "25"),
      "WEIGHT_TYPE pace.maxStep: stdin line 10: is the number 25; a share such as 50%",
    ],
    ["a step finer than a basis point", SERVICE.replace("25%", "33.333%"), "WEIGHT_TYPE pace.maxStep"],
    ["an infinite capacity", SERVICE.replace("100}", "1e400}"), "FIELD_INVALID deployments[0].capacityRps"],
    ["a negative demand", SERVICE.replace("us-east: 40", "us-east: -1"), "FIELD_INVALID demandRps.us-east"],
    ["a truth value for a name", SERVICE.replace("shop/checkout", "true"), "FIELD_INVALID name"],
    [
      "another kind",
      SERVICE.replace("kind: Service", "kind: Pod"),
      "FIELD_INVALID kind: stdin line 1: is Pod; Service is wanted here",
    ],
    ["no kind", SERVICE.replace("kind: Service\n", ""), "FIELD_REQUIRED kind"],
    ["a mistake in the second document", `${SERVICE}---\nkind: Service\nnme: x\n`, "UNKNOWN_FIELD nme"],
    [
      "an alias bomb",
      `a: &a [x,x,x,x,x,x,x,x,x]\n${Array.from(
        { length: 8 },
        (_, i) =>
          `b${i}: &b${i} [${Array(9)
            .fill(i === 0 ? "*a" : `*b${i - 1}`)
            .join(",")}]`,
      ).join("\n")}`,
      "DOC_TOO_LARGE: stdin",
    ],
    ["a name that the planner refuses", SERVICE.replace("shop/checkout", "shop/Check"), "BAD_NAME spec.name"],
    ["a cluster that nobody knows", SERVICE.replaceAll("us-east", "mars"), "UNKNOWN_CLUSTER"],
    [
      "a stable version that runs nowhere",
      SERVICE.replace("stableVersion: v1", "stableVersion: v9"),
      "FIELD_INVALID spec.stable_version",
    ],
  ])("refuses %s and changes nothing", async (_, text, start) => {
    const before = await weir("service", "list", "-o", "json");
    const { code, out, err } = await apply(text);
    expect({ code, out }).toEqual({ code: 1, out: "" });
    expect(err.replaceAll(`${fleet.folder}/`, "").split("\n")[0]).toContain(`error: ${start}`);
    expect(await weir("service", "list", "-o", "json")).toEqual(before);
  });

  it("refuses 50 MB without reading them all", async () => {
    const stdin = "a".repeat(50_000_000);
    expect(await fleet.operator.process(["service", "apply", "-f", "-"], { stdin })).toMatchObject({
      code: 1,
      err: expect.stringContaining("DOC_TOO_LARGE") as string,
    });
  });

  it("says when there is no such file", async () => {
    expect(await weir("service", "apply", "-f", at("nope.yaml"))).toMatchObject({
      code: 2,
      err: expect.stringContaining("ENOENT") as string,
    });
    expect(await weir("service", "apply", "-f", fleet.folder)).toMatchObject({
      code: 2,
      err: expect.stringContaining("is a folder") as string,
    });
  });
});

describe("weir shift request", { timeout: LIMIT_MS }, () => {
  const request = async (...args: readonly string[]): Promise<Run> =>
    weir("shift", "request", "shop/checkout", "--from", "us-east", "--reason", "r", ...args);

  it.each([
    [["--to", "eu-west/v1=50%", "--to", "us-east/v1=49.99%"], "WEIGHTS_SUM --to: shares sum to 99.99%"],
    [["--to", "eu-west/v1=50%", "--to", "us-east/v1=50.01%"], "WEIGHTS_SUM --to: shares sum to 100.01%"],
    [["--to", "eu-west/v1=50"], "WEIGHT_TYPE --to"],
    [["--to", "eu-west/v1=-50%"], "WEIGHT_TYPE --to"],
    [["--to", "eu-west/v1=NaN%"], "WEIGHT_TYPE --to"],
    [["--to", "eu-west/v1=1e2%"], "WEIGHT_TYPE --to"],
    [["--to", "eu-west/v1=101%"], "WEIGHT_TYPE --to"],
    [["--to", "EU/v1=100%"], "BAD_NAME --to"],
    [["--to", "eu-west/v1/x=100%"], "BAD_NAME --to"],
    [["--to", "eu-west"], "FIELD_INVALID --to"],
    [["--to", "eu-west/v1=50%", "--to", "eu-west/v1=50%"], "DUPLICATE_KEY --to"],
    [["--to", "mars/v1=100%"], "UNKNOWN_"],
    [["--to", "us-east/v9=100%"], "UNKNOWN_DESTINATION"],
  ])("refuses %j", async (args, start) => {
    const { code, err } = await request(...args);
    expect(code).toBe(1);
    expect(err).toMatch(new RegExp(`^error: ${start}`));
  });

  it.each<[string, string, string]>([
    [
      "weights that fall short",
      "[{cluster: us-east, version: v1, weight: 99.99%}]",
      "WEIGHTS_SUM proposal.target.split.weights",
    ],
    ["weights of 0", "[{cluster: us-east, version: v1, weight: 0%}]", "NO_SERVING_TARGET"],
    [
      "a number for a weight",
      "[{cluster: us-east, version: v1, weight: 100}]",
      "WEIGHT_TYPE to[0].weight: f.yaml line 4",
    ],
    [
      "a misspelt weight",
      "[{cluster: us-east, version: v1, wieght: 100%}]",
      "UNKNOWN_FIELD to[0].wieght: f.yaml line 4: there is no such field; did you mean weight?",
    ],
  ])("refuses a file with %s", async (_, to, start) => {
    writeFileSync(at("f.yaml"), `kind: Shift\nservice: shop/checkout\nfrom: [us-east]\nto: ${to}\nreason: r\n`);
    const { code, err } = await weir("shift", "request", "-f", at("f.yaml"));
    expect({ code, err: err.replaceAll(`${fleet.folder}/`, "") }).toEqual({
      code: 1,
      err: expect.stringContaining(`error: ${start}`) as string,
    });
  });
});
