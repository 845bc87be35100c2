import { describe, expect, it } from "vitest";
import type { Inputs, Outcome } from "../../../../agents/mesh/envoy/isolate.ts";
import { isolate } from "../../../../agents/mesh/envoy/isolate.ts";
import { isNamed, wordsOf } from "../../../../agents/mesh/envoy/nack-words.ts";
import type { ServiceInput } from "../../../../agents/mesh/envoy/render-input.ts";
import type { Resource } from "../../../../agents/mesh/envoy/snapshot.ts";
import type { ServiceId } from "../../../../src/model/ids.ts";
import { US, aRouteSet } from "./fleet/plans.ts";

function someInputs(hash: string, ...services: readonly string[]): Inputs {
  return new Map(
    services.map((name) => {
      const service = name as ServiceId;
      const routeSet = aRouteSet({ service, cluster: US, gateways: {}, weights: { "us-east/v1": 10_000 } });
      return [service, { hash, routeSet, local: new Map() } satisfies ServiceInput];
    }),
  );
}

const SHARED: Resource = {
  kind: "route",
  name: "outbound/8080",
  audience: "envoy",
  services: ["shop/a", "shop/b"] as ServiceId[],
  bytes: new Uint8Array(),
  version: "1",
};

/** Proxies that refuse the new input of some services, by a resource that all of them share. */
function proxiesThatRefuse(...guilty: readonly string[]) {
  const offers: (readonly string[])[] = [];
  const attempt = async (inputs: Inputs): Promise<Outcome> => {
    const fresh = [...inputs].filter(([, { hash }]) => hash === "new").map(([service]) => service);
    offers.push(fresh);
    const isRefused = fresh.some((service) => guilty.includes(service));
    if (!isRefused) return { kind: "accepted" };
    return { kind: "refused", nacks: [{ kind: "route", message: "something in it is wrong", resources: [SHARED] }] };
  };
  return { attempt, offers };
}

const hashes = (inputs: Inputs) => Object.fromEntries([...inputs].map(([service, { hash }]) => [service, hash]));

describe("isolate", () => {
  it("offers everything at once when nothing is refused", async () => {
    const { attempt, offers } = proxiesThatRefuse();
    const settlement = await isolate(someInputs("old", "shop/a"), someInputs("new", "shop/a", "shop/b"), attempt);
    expect(offers).toHaveLength(1);
    expect(hashes(settlement.accepted)).toEqual({ "shop/a": "new", "shop/b": "new" });
  });

  it("finds the guilty by halving, keeps their old inputs, and brings on all others", async () => {
    const names = Array.from({ length: 100 }, (_, rank) => `shop/s${rank}`);
    const { attempt, offers } = proxiesThatRefuse("shop/s17", "shop/s71");
    const settlement = await isolate(someInputs("old", ...names), someInputs("new", ...names), attempt);
    expect([...settlement.refused.keys()].toSorted()).toEqual(["shop/s17", "shop/s71"]);
    expect([...settlement.accepted.values()].filter(({ hash }) => hash === "new")).toHaveLength(98);
    expect(settlement.accepted.get("shop/s17" as ServiceId)?.hash).toBe("old");
    expect(offers.length).toBeLessThan(40);
    // What was refused does not stay out there.
    expect(offers.at(-1)).not.toContain("shop/s17");
  });

  it("leaves out a refused service that had no input before", async () => {
    const { attempt } = proxiesThatRefuse("shop/b");
    const settlement = await isolate(someInputs("old", "shop/a"), someInputs("new", "shop/b"), attempt);
    expect(hashes(settlement.accepted)).toEqual({ "shop/a": "old" });
  });

  it("believes a proxy that names a resource of one service alone", async () => {
    const own = { ...SHARED, name: "out/shop/b/us-east/v1", services: ["shop/b" as ServiceId] };
    let offers = 0;
    const attempt = async (inputs: Inputs): Promise<Outcome> => {
      offers += 1;
      if (!inputs.has("shop/b" as ServiceId)) return { kind: "accepted" };
      const message = `Error adding/updating cluster(s) ${own.name}: no such thing`;
      return { kind: "refused", nacks: [{ kind: "cluster", message, resources: [own] }] };
    };
    const settlement = await isolate(new Map(), someInputs("new", "shop/a", "shop/b", "shop/c"), attempt);
    expect(Object.fromEntries(settlement.refused)).toEqual({
      "shop/b": "Error adding/updating cluster(s) out/shop/b/us-east/v1: no such thing",
    });
    expect(offers).toBe(2);
  });

  it("accuses nobody when nobody answers", async () => {
    const attempt = async (): Promise<Outcome> => ({ kind: "unanswered" });
    const settlement = await isolate(someInputs("old", "shop/a"), someInputs("new", "shop/a"), attempt);
    expect(settlement.unanswered).toEqual(["shop/a"]);
    expect(hashes(settlement.accepted)).toEqual({ "shop/a": "old" });
  });
});

describe("isNamed", () => {
  it("does not take a name for a part of a longer one", () => {
    expect(isNamed("cluster out/shop/a/eu/v10 is bad", "out/shop/a/eu/v1")).toBe(false);
    expect(isNamed("cluster out/shop/a/eu/v10 and out/shop/a/eu/v1: bad", "out/shop/a/eu/v1")).toBe(true);
    expect(isNamed('"outbound/8080"', "outbound/8080")).toBe(true);
  });
});

describe("wordsOf", () => {
  it("says what was refused where Envoy prints the resource in place of a reason", () => {
    const message = `goo.gle/debugproto  \nname: "outbound/8080"\n${"x".repeat(5_000)}`;
    const words = wordsOf({ kind: "route", message, resources: [SHARED] });
    expect(words).toMatch(/^failed the proxy's validation: route outbound\/8080: name: "outbound\/8080" x+…$/);
    expect(words.length).toBeLessThan(700);
  });
});
