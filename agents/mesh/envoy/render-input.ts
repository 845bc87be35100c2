import type { LocalEndpoint } from "../../core/ports.ts";
import type { GatewayAddress } from "../../../src/model/cluster.ts";
import type { ClusterId } from "../../../src/model/ids.ts";
import type { RouteSet } from "../../../src/model/plan.ts";

/** Everything that one service's resources are made of. */
export interface ServiceInput {
  readonly hash: string;
  readonly routeSet: RouteSet;
  /** Endpoints in this cluster, by version. */
  readonly local: ReadonlyMap<string, readonly LocalEndpoint[]>;
  /** The lost cluster whose fallbacks are in force, if any. */
  readonly avoid?: ClusterId;
}

/** What is the same for all services of a cluster. */
export interface Site {
  readonly cluster: ClusterId;
  /** Address on which local callers reach every service, each on its own port. */
  readonly address: string;
  /** Address at which this cluster's gateway listens to the others. */
  readonly gateway: GatewayAddress;
}
