import { describe, expect, it } from "vitest";
import type { ClusterState } from "../../src/model/cluster.ts";
import { EMPTY_FLEET } from "../../src/model/fleet.ts";
import type { ClusterId } from "../../src/model/ids.ts";
import { refuseReporter } from "../../src/planner/reporters.ts";

const NAME = "c1" as ClusterId;
const JOINED: ClusterState = {
  spec: { cluster: NAME, region: "here", labels: {}, rttMs: {} },
  membership: "active",
  resourceVersion: 1,
  revokedSerials: [],
  features: [],
  isCordoned: false,
  isQuarantined: false,
  verdict: "healthy",
  verdictSinceMs: 0,
  uid: "uid-1",
};

function codeFor(change: Partial<ClusterState>, uid = "uid-1"): string | undefined {
  const state = { ...EMPTY_FLEET, clusters: new Map([[NAME, { ...JOINED, ...change }]]) };
  return refuseReporter(state, { cluster: NAME, uid })?.code;
}

describe("whose reports count", () => {
  it("takes those of the instance that joined, whatever its state", () => {
    expect(codeFor({})).toBeUndefined();
    expect(codeFor({ membership: "accepted", isCordoned: true })).toBeUndefined();
  });

  it("takes nothing of a cluster that was shut out, nor of another instance by its name", () => {
    expect(codeFor({ membership: "revoked" })).toBe("REVOKED");
    expect(codeFor({ isQuarantined: true })).toBe("IDENTITY_CLONED");
    expect(codeFor({}, "uid-2")).toBe("IDENTITY_MISMATCH");
  });

  it("hears a cluster that the log does not know: it may be the log that forgot", () => {
    expect(refuseReporter(EMPTY_FLEET, { cluster: NAME, uid: "uid-1" })).toBeUndefined();
  });
});
