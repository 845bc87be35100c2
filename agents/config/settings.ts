import type { GatewayAddress } from "../../src/model/cluster.ts";
import type { FallbackPolicy } from "../core/fallback.ts";
import type { Limits } from "../core/recheck.ts";
import type { ReportPolicy } from "../core/report.ts";

/** Levels that the configuration may name. */
export const LOG_LEVELS = ["debug", "info", "warn", "error", "silent"] as const;

/** The mesh that the agent makes obey. */
export type MeshConfig =
  | {
      readonly kind: "envoy";
      /** Address on which local callers reach every service through their Envoy, each service on its own port. */
      readonly address: string;
      /** Where Envoys and proxyless clients get their configuration: a loopback address, or a unix socket. */
      readonly xds: GatewayAddress | { readonly socket: string };
      /** How many Envoys must have acknowledged a plan before it counts as applied; 0: proxyless clients only. */
      readonly envoys: number;
    }
  | { readonly kind: "memory" };

/** Everything that can be set about an agent. */
export interface Config {
  readonly dataDir: string;
  /** Join token; needed once, at the first start. */
  readonly token?: string;
  /** host:port of planners; empty: those told at joining. */
  readonly planners: readonly string[];
  readonly mesh: MeshConfig;
  /** Where other clusters reach this one's gateway. */
  readonly gateway?: GatewayAddress;
  readonly endpointsFile?: string;
  /** Unix socket for operators at the cluster; of mode 0600. */
  readonly socket: string;
  readonly logLevel: (typeof LOG_LEVELS)[number];
  readonly heartbeatMs: number;
  readonly bakeMs: number;
  readonly applyTimeoutMs: number;
  readonly fallback: FallbackPolicy;
  readonly limits: Limits;
  readonly report: ReportPolicy;
}
