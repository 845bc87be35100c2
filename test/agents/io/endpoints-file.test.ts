import { renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import type { LocalEndpoints } from "../../../agents/core/ports.ts";
import { EndpointsFile, readEndpoints } from "../../../agents/io/endpoints-file.ts";
import { CHECKOUT } from "../plans.ts";
import { aFolder, until } from "./folders.ts";

const ONE = "services:\n  shop/checkout:\n    v1: [{address: 127.0.0.1, port: 8081, capacityRps: 50}]\n";

describe("readEndpoints", () => {
  it("reads services, versions and endpoints; nothing listed is an answer", () => {
    const read = readEndpoints(`${ONE}    v2: []\n  shop/cart: {v1: null}\n`);
    if (!read.ok) throw new Error(read.refusal.join());
    expect(read.value.get(CHECKOUT)?.get("v1")).toEqual([{ address: "127.0.0.1", port: 8081, capacityRps: 50 }]);
    expect([...read.value.keys()]).toEqual(["shop/checkout", "shop/cart"]);
    expect(readEndpoints("services: {}")).toEqual({ ok: true, value: new Map() });
    expect(readEndpoints("{}").ok).toBe(true);
  });

  it.each([
    ["", "no mapping"],
    ["null", "no mapping"],
    ["services: [1]", "services is no mapping"],
    ["service: {}", "service is no key"],
    ["services: {checkout: {v1: []}}", "services.checkout"],
    ["services: {shop/checkout: {V1: []}}", "services.shop/checkout.V1"],
    ["services: {shop/checkout: {v1: 5}}", "no list"],
    ["services: {shop/checkout: {v1: [{address: a, port: 0}]}}", "port is no port"],
    ["services: {shop/checkout: {v1: [{address: a, port: 80, weight: 1}]}}", "weight is no key"],
    ["services: {shop/checkout: {v1: [{address: a, port: 80, capacityRps: -1}]}}", "capacityRps"],
    ["services: {shop/checkout: {v1: [{port: 80}]}}", "address is no address"],
    ["services: {a/b: {v1: []}, a/b: {v1: []}}", "unique"],
    ["services: !!js/function x", "tag"],
    ["services: {", "flow"],
  ])("refuses %j and says where", (text, words) => {
    const read = readEndpoints(text);
    expect(read.ok ? [] : read.refusal.join().toLowerCase()).toContain(words.toLowerCase());
  });
});

describe("the endpoints file", () => {
  async function follow(text: string | undefined) {
    const path = join(aFolder(), "endpoints.yaml");
    if (text !== undefined) writeFileSync(path, text);
    const seen: LocalEndpoints[] = [];
    const problems: string[] = [];
    const file = new EndpointsFile(path, { changed: (all) => seen.push(all), invalid: (why) => problems.push(why) });
    onTestFinished(() => file.close());
    await file.start();
    return { path, seen, problems };
  }

  it("is followed while it is written to and while it is replaced", async () => {
    const { path, seen } = await follow(ONE);
    writeFileSync(path, ONE.replace("8081", "8082"));
    await until("a change", () => seen.length === 2);
    writeFileSync(`${path}.tmp`, ONE.replace("8081", "8083"));
    renameSync(`${path}.tmp`, path);
    await until("a replacement", () => seen.length === 3);
    expect(seen.map((all) => all.get(CHECKOUT)?.get("v1")?.[0]?.port)).toEqual([8081, 8082, 8083]);
  });

  it("changes nothing while it is bad or gone, and says so", async () => {
    const { path, seen, problems } = await follow(ONE);
    writeFileSync(path, "services: {");
    await until("a complaint", () => problems.length === 1);
    rmSync(path);
    await until("another", () => problems.some((problem) => problem.includes("ENOENT")));
    expect(seen).toHaveLength(1);
    writeFileSync(path, ONE.replace("8081", "8082"));
    await until("it to be good again", () => seen.length === 2);
  });

  it("may come later than the agent", async () => {
    const { path, seen, problems } = await follow(undefined);
    expect(problems).toHaveLength(1);
    writeFileSync(path, ONE);
    await until("the first", () => seen.length === 1);
  });
});
