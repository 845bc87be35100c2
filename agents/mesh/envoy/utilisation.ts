import type { LocalEndpoint, LocalEndpoints, UtilisationRow } from "../../core/ports.ts";
import type { ClusterId } from "../../../src/model/ids.ts";
import { compareNames } from "../../../src/model/ids.ts";
import type { Heard, Sum } from "./hear-endpoints.ts";
import { addSums, hearEndpoints } from "./hear-endpoints.ts";
import type { LoadReport } from "./load-report.ts";

/** How busy the local endpoints say that they are, from Envoys' load reports. */
export interface Utilisations {
  /** Takes what one Envoy reports. */
  add(node: string, loads: LoadReport["loads"]): void;
  /** Tells the endpoints' capacities. */
  show(endpoints: LocalEndpoints): void;
  /**
   * What was said since the last call, by service and version. Until an Envoy's next report comes, what its last one says stands; a
   * version of which nobody says anything is left out.
   */
  take(): readonly UtilisationRow[];
}

export interface UtilisationsOptions {
  readonly cluster: ClusterId;
  /** Milliseconds that never go back. */
  readonly clock: () => number;
  /** How long an Envoy's last report stands when no other comes, in ms. */
  readonly standsMs: number;
}

/** What one Envoy reported since the last call, or in its last report. */
interface FromEnvoy {
  readonly reports: readonly (readonly Heard[])[];
  readonly heardAt: number;
  readonly isTaken: boolean;
}

/** Nothing said yet. */
export function createUtilisations({ cluster, clock, standsMs }: UtilisationsOptions): Utilisations {
  const envoys = new Map<string, FromEnvoy>();
  let endpoints: LocalEndpoints = new Map();
  return {
    add: (node, loads) => {
      const before = envoys.get(node);
      const kept = before === undefined || before.isTaken ? [] : before.reports;
      envoys.set(node, { reports: [...kept, hearEndpoints(loads, cluster)], heardAt: clock(), isTaken: false });
    },
    show: (next) => {
      endpoints = next;
    },
    take: () => {
      const now = clock();
      for (const [node, from] of envoys) {
        if (from.isTaken && now - from.heardAt > standsMs) envoys.delete(node);
        else envoys.set(node, { ...from, isTaken: true });
      }
      const parts = [...envoys.values()].flatMap(({ reports, heardAt }) => partsOf(reports.flat(), now - heardAt));
      const groups = Map.groupBy(parts, ({ service, version }) => `${service} ${version}`);
      return [...groups]
        .toSorted(([a], [b]) => compareNames(a, b))
        .flatMap(([, group]) => rowOf(group, endpoints) ?? []);
    },
  };
}

/** What one Envoy says of one version. */
interface Part extends Heard {
  readonly ageMs: number;
}

/** An Envoy's reports follow each other: their times add up. */
function partsOf(heard: readonly Heard[], ageMs: number): readonly Part[] {
  const groups = Map.groupBy(heard, ({ service, version }) => `${service} ${version}`);
  return [...groups.values()].flatMap((group) => {
    const overMs = group.reduce((sum, one) => sum + one.overMs, 0);
    return group[0] === undefined ? [] : [{ ...group[0], overMs, ageMs, endpoints: addSums(group) }];
  });
}

function rowOf(parts: readonly Part[], endpoints: LocalEndpoints): UtilisationRow | undefined {
  const [{ service, version } = { service: undefined, version: "" }] = parts;
  if (service === undefined) return undefined;
  const utilisation = utilisationOf(addSums(parts), endpoints.get(service)?.get(version) ?? []);
  if (utilisation === undefined) return undefined;
  // Envoys report on the same time.
  const overMs = Math.max(...parts.map((part) => part.overMs));
  const beganAgoMs = Math.max(...parts.map((part) => part.ageMs + part.overMs));
  return { service, version, utilisation, overMs, beganAgoMs };
}

/** The mean over the endpoints that said something, by their capacities where these are known of all. */
function utilisationOf(sums: Heard["endpoints"], local: readonly LocalEndpoint[]): number | undefined {
  const capacities = new Map(local.map(({ address, port, capacityRps }) => [`${address} ${port}`, capacityRps]));
  const said = [...sums].flatMap(([where, metrics]) => {
    const busy = busyShareOf(metrics);
    return busy === undefined ? [] : [{ busy, capacityRps: capacities.get(where) }];
  });
  const areWeighted = said.every(({ capacityRps = 0 }) => capacityRps > 0);
  const weights = said.map(({ capacityRps = 1 }) => (areWeighted ? capacityRps : 1));
  const whole = weights.reduce((sum, weight) => sum + weight, 0);
  if (whole === 0) return undefined;
  return said.reduce((sum, { busy }, index) => sum + busy * (weights[index] ?? 0), 0) / whole;
}

/**
 * What one endpoint said, 0 to 1: its application's utilisation, or else its processor's, as gRPC does (gRFC A58). Envoy writes 0 for
 * a metric that an answer lacks, so that 0 says nothing. What cannot be, no number or below 0, is passed over; more than 1 means beyond
 * what the endpoint takes for its limit (ORCA allows it), and is 1.
 */
function busyShareOf(metrics: readonly Sum[]): number | undefined {
  const means = metrics.map(({ answers, total }) => (answers > 0 ? total / answers : 0));
  const first = means.find((mean) => Number.isFinite(mean) && mean > 0);
  return first === undefined ? undefined : Math.min(1, first);
}
