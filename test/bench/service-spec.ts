import type { ServiceId, Version } from "../../src/model/ids.ts";
import { DEFAULT_PACE_POLICY, DEFAULT_REQUEST_POLICY } from "../../src/model/service.ts";
import type { ServiceSpec } from "../../src/model/service.ts";

/** A service that runs nowhere yet. */
export const EMPTY_SERVICE: ServiceSpec = {
  service: "shop/checkout" as ServiceId,
  protocol: "http",
  port: 8080,
  stableVersion: "v1" as Version,
  deployments: [],
  demandRps: {},
  request: DEFAULT_REQUEST_POLICY,
  pace: DEFAULT_PACE_POLICY,
};
