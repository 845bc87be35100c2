import { assignment, at, GUARDED, KEPT_ALIVE, listener, RETRY_POLICY, socketAddress } from "../static-envoy-parts.ts";
import { nearestTo, PORTS, REQUEST } from "./fleet.ts";
import type { Fleet, Site } from "./fleet.ts";

/**
 * How the rival tries again and ejects. `weirs`: as Weir renders it. `usual`: two retries of what reached no server, five
 * failures in a row eject for half a minute, which is what a mesh does that nobody tuned (Istio's retries, Envoy's outlier
 * detection with ejection up to 100 %, without which nothing fails over).
 */
export type Tries = "weirs" | "usual";

/**
 * The rival: what Envoy does by itself about a lost cluster. Every other cluster is one priority, nearest first, with Envoy's
 * own overprovisioning; outlier detection may eject all of a cluster. Request times and gateways are those of Weir's side.
 */
export function localityFailoverBootstrap(site: Site, fleet: Fleet, tries: Tries): object {
  const { name, address } = site;
  const own = at(address, PORTS.backend, name);
  const others = nearestTo(site, fleet).map((other) => [at(other.address, PORTS.wan, other.name)]);
  return {
    node: { id: `rival-${name}`, cluster: name, locality: { region: name, zone: name } },
    admin: { address: socketAddress(address, PORTS.admin) },
    // The net knows by the address where a request comes from.
    cluster_manager: { upstream_bind_config: { source_address: { address, port_value: 0 } } },
    static_resources: {
      listeners: [
        listener(address, PORTS.outbound, {
          cluster: EVERYWHERE,
          timeout: seconds(REQUEST.requestTimeoutMs),
          retry_policy: RETRIES[tries],
        }),
        listener(address, PORTS.gateway, { cluster: LOCAL, timeout: seconds(REQUEST.requestTimeoutMs) }),
      ],
      clusters: [
        staticCluster(EVERYWHERE, { priorities: [[own], ...others], tries }),
        { ...staticCluster(LOCAL, { priorities: [[own]], tries }), ...WATCHED },
      ],
    },
  };
}

const EVERYWHERE = "everywhere";
const LOCAL = "local";

/** Envoy's own: a priority keeps all its requests until less than 1 / 1.4 of it is healthy. */
const OVERPROVISIONING = 140;

/** A gateway never waits for a dead backend, as Weir's does not. */
const WATCHED = {
  health_checks: [
    {
      timeout: "0.5s",
      interval: "1s",
      no_traffic_interval: "1s",
      unhealthy_threshold: 2,
      healthy_threshold: 1,
      tcp_health_check: {},
    },
  ],
};

const RETRIES: Readonly<Record<Tries, object>> = {
  weirs: {
    ...RETRY_POLICY,
    num_retries: REQUEST.retries,
    per_try_timeout: seconds(REQUEST.perTryTimeoutMs),
  },
  usual: { ...RETRY_POLICY, retry_on: "connect-failure,refused-stream", num_retries: 2, per_try_timeout: undefined },
};

const EJECTION: Readonly<Record<Tries, object>> = {
  weirs: {},
  usual: {
    outlier_detection: {
      consecutive_5xx: 5,
      interval: "1s",
      base_ejection_time: "30s",
      max_ejection_percent: 100,
    },
  },
};

interface Endpoints {
  readonly priorities: readonly (readonly object[])[];
  readonly tries: Tries;
}

function staticCluster(name: string, { priorities, tries }: Endpoints): object {
  return {
    name,
    type: "STATIC",
    connect_timeout: "0.25s",
    lb_policy: "LEAST_REQUEST",
    load_assignment: assignment(name, priorities, OVERPROVISIONING),
    ...GUARDED,
    ...EJECTION[tries],
    ...KEPT_ALIVE,
  };
}

function seconds(ms: number): string {
  return `${ms / 1_000}s`;
}
