import type { BusFoundation } from "./accounts.ts";

/** Where one nats-server listens and keeps its files. */
export interface NatsServerPlace {
  readonly serverName: string;
  readonly host: string;
  readonly port: number;
  readonly storeDir: string;
  /** Files of the server's certificate; undefined: no TLS, which belongs on loopback alone. */
  readonly tls?: { readonly certFile: string; readonly keyFile: string; readonly caFile: string };
  /** The other servers of a cluster of three or five; undefined: this one alone. */
  readonly cluster?: {
    readonly name: string;
    readonly host: string;
    readonly port: number;
    readonly routes: readonly string[];
  };
}

/**
 * The text of a `nats.conf` for Weir: operator mode, so that there is no user without credentials, and JetStream that
 * writes to disk before it acknowledges (by default NATS acknowledges up to two minutes before).
 */
export function natsServerConfig(foundation: BusFoundation, place: NatsServerPlace): string {
  const { system, planner, fleet, operatorJwt } = foundation;
  return [
    `server_name: ${quoted(place.serverName)}`,
    `listen: ${quoted(`${place.host}:${place.port}`)}`,
    `jetstream {`,
    `  store_dir: ${quoted(place.storeDir)}`,
    `  sync_interval: always`,
    `}`,
    ...tlsLines(place),
    ...clusterLines(place),
    `operator: ${quoted(operatorJwt)}`,
    `system_account: ${quoted(system.publicKey)}`,
    `resolver: MEMORY`,
    `resolver_preload: {`,
    ...[system, planner, fleet].map(({ publicKey, jwt }) => `  ${publicKey}: ${quoted(jwt)}`),
    `}`,
    ``,
  ].join("\n");
}

function tlsLines({ tls }: NatsServerPlace): readonly string[] {
  if (tls === undefined) return [];
  return [
    `tls {`,
    `  cert_file: ${quoted(tls.certFile)}`,
    `  key_file: ${quoted(tls.keyFile)}`,
    `  ca_file: ${quoted(tls.caFile)}`,
    `}`,
  ];
}

function clusterLines({ cluster }: NatsServerPlace): readonly string[] {
  if (cluster === undefined) return [];
  return [
    `cluster {`,
    `  name: ${quoted(cluster.name)}`,
    `  listen: ${quoted(`${cluster.host}:${cluster.port}`)}`,
    `  routes: [${cluster.routes.map(quoted).join(", ")}]`,
    `}`,
  ];
}

/** A string in NATS' configuration language, whose escapes are JSON's. */
function quoted(text: string): string {
  return JSON.stringify(text);
}
