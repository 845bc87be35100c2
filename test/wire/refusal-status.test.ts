import { describe, expect, it } from "vitest";
import { GRPC_STATUS, fromStatusDetail, isRefusalCode, toStatus } from "../../src/wire/refusal-status.ts";
import type { RefusalCode } from "../../src/model/refusal.ts";

describe("toStatus", () => {
  it.each<[RefusalCode, keyof typeof GRPC_STATUS]>([
    ["WEIGHTS_SUM", "INVALID_ARGUMENT"],
    ["NO_SERVING_TARGET", "FAILED_PRECONDITION"],
    ["DOC_TOO_LARGE", "RESOURCE_EXHAUSTED"],
    ["UNKNOWN_CLUSTER", "NOT_FOUND"],
    ["STALE_REVISION", "ABORTED"],
    ["STALE_EPOCH", "FAILED_PRECONDITION"],
    ["HASH_MISMATCH", "DATA_LOSS"],
    ["TOKEN_INVALID", "UNAUTHENTICATED"],
    ["IDENTITY_MISMATCH", "PERMISSION_DENIED"],
  ])("sends %s as %s", (code, name) => {
    const status = toStatus({ code, field: "a.b", message: "why" });
    expect(status.code).toBe(GRPC_STATUS[name]);
    expect(status.details).toBe(`${code} a.b: why`);
  });

  it("carries the whole refusal for clients that read it", () => {
    const refusal = { code: "OVER_CAPACITY", field: "target", message: "needs 12.5, has 10" } as const;
    expect(fromStatusDetail(toStatus(refusal).detail)).toEqual(refusal);
  });

  it("cuts messages to what metadata can carry", () => {
    const { details, detail } = toStatus({ code: "DECODE", field: "f".repeat(9_999), message: "m".repeat(99_999) });
    expect(details.length + detail.length).toBeLessThan(4_096);
  });

  it("does not take foreign bytes for a refusal", () => {
    expect(fromStatusDetail(Uint8Array.from([1, 2, 3]))).toBeUndefined();
    expect(fromStatusDetail(new Uint8Array())).toBeUndefined();
    expect(isRefusalCode("toString")).toBe(false);
  });
});
