import { describe, expect, it } from "vitest";
import { Halts } from "../../src/engine/halts.ts";
import type { Refusal } from "../../src/model/refusal.ts";

const STORE: Refusal = { code: "STORE_CONFIG", field: "stream", message: "max_age is set" };
const ROLLED_BACK: Refusal = { code: "STORE_ROLLED_BACK", field: "", message: "the agent of eu-west holds more" };

function someHalts() {
  const halts = new Halts(() => undefined);
  const told: (string | undefined)[] = [];
  const stop = halts.onReason((reason) => told.push(reason?.code));
  return { halts, told, stop };
}

describe("the reasons of a halt", () => {
  it("are told when the weightiest changes, and not when a lighter one comes or goes", () => {
    const { halts, told } = someHalts();
    halts.set("rolled-back", ROLLED_BACK);
    halts.set("store", STORE);
    halts.set("rolled-back", undefined);
    halts.set("rolled-back", ROLLED_BACK);
    halts.set("store", undefined);
    halts.set("rolled-back", undefined);
    expect(told).toEqual(["STORE_ROLLED_BACK", "STORE_CONFIG", "STORE_ROLLED_BACK", undefined]);
  });

  it("are told once, however often they are found again", () => {
    const { halts, told } = someHalts();
    halts.set("store", STORE);
    halts.set("store", { ...STORE });
    halts.set("twin", undefined);
    expect(told).toEqual(["STORE_CONFIG"]);
  });

  it("are told nobody who has stopped listening", () => {
    const { halts, told, stop } = someHalts();
    stop();
    halts.set("store", STORE);
    expect(told).toEqual([]);
  });
});
