import type { DestinationKey } from "../../model/destination.ts";
import { keyOf } from "../../model/destination.ts";
import type { FleetEvent } from "../../model/event.ts";
import type { FleetState, ServiceState } from "../../model/fleet.ts";
import type { CapacityChange, DemandChange } from "../../model/hypothetical.ts";
import { compareNames } from "../../model/ids.ts";
import type { ClusterId, ServiceId } from "../../model/ids.ts";
import type { Refusal } from "../../model/refusal.ts";
import type { Deployment } from "../../model/service.ts";
import { deployedCapacity } from "../readiness.ts";
import { demandingSources, demandOf } from "../room.ts";

/**
 * Other demand as it would be recorded: declared anew where it is declared, else measured. Of several changes that meet, the one
 * that says most precisely which requests it is about counts alone; of two alike the later.
 */
export function demandEvents(state: FleetState, changes: readonly DemandChange[]): readonly FleetEvent[] {
  if (changes.length === 0) return [];
  return servicesIn(state).flatMap((service): readonly FleetEvent[] => {
    const { spec } = service;
    const own = changes.filter((change) => change.service === undefined || change.service === spec.service);
    const moved = demandingSources(service).flatMap((source): [ClusterId, number][] => {
      const meant = own.filter((change) => change.source === undefined || change.source === source);
      const { factor = 1 } = meant.toSorted(byPrecision).at(-1) ?? {};
      return factor === 1 ? [] : [[source, demandOf(service, source) * factor]];
    });
    if (moved.length === 0) return [];
    const declared = moved.filter(([source]) => spec.demandRps[source] !== undefined);
    const measured = moved.filter(([source]) => spec.demandRps[source] === undefined);
    return [
      ...(declared.length === 0
        ? []
        : [
            {
              kind: "service-applied",
              spec: { ...spec, demandRps: { ...spec.demandRps, ...recordOf(declared) } },
            } as const,
          ]),
      ...(measured.length === 0
        ? []
        : [
            {
              kind: "measured",
              measured: { demandRps: { [spec.service]: recordOf(measured) }, reported: {} },
            } as const,
          ]),
    ];
  });
}

/** The less a change names, the sooner another takes its place. */
function byPrecision(a: Partial<CapacityChange & DemandChange>, b: Partial<CapacityChange & DemandChange>): number {
  return precisionOf(a) - precisionOf(b);
}

function precisionOf({ service, cluster, source, version }: Partial<CapacityChange & DemandChange>): number {
  const isPlaced = cluster !== undefined || source !== undefined;
  return 4 * Number(service !== undefined) + 2 * Number(isPlaced) + Number(version !== undefined);
}

function recordOf(entries: readonly (readonly [ClusterId, number])[]): Readonly<Record<ClusterId, number>> {
  return Object.fromEntries(entries);
}

/** What changed capacities come to, or why not. */
export interface CapacityEvents {
  readonly events: readonly FleetEvent[];
  readonly refusals: readonly Refusal[];
}

/**
 * Other capacities, as if they were declared: that wins over whatever is known besides. Of several changes that meet, the most
 * precise counts alone, as with demand. Refuses a change that names no destination, or multiplies what nobody knows.
 */
export function capacityEvents(state: FleetState, changes: readonly CapacityChange[]): CapacityEvents {
  const refusals: Refusal[] = [];
  const touched = new Map<ServiceId, Map<DestinationKey, number>>();
  const inTurn = [...changes.entries()].toSorted(([, a], [, b]) => byPrecision(a, b));
  for (const [at, change] of inTurn) {
    const places = placesOf(state, change);
    if (places.length === 0) refusals.push(nowhere(at));
    for (const { service, deployment } of places) {
      const key = keyOf(deployment);
      const after = changed(deployedCapacity(service, deployment), change);
      // Where nobody said which, those that are known change, and the others stay as unknown as they are.
      if (after === undefined && change.service !== undefined && change.cluster !== undefined)
        refusals.push(unknown(at, `${service.spec.service} ${key}`));
      if (after === undefined) continue;
      const own = touched.get(service.spec.service) ?? new Map<DestinationKey, number>();
      touched.set(service.spec.service, own.set(key, after));
    }
  }
  const events = [...touched]
    .toSorted(([a], [b]) => compareNames(a, b))
    .flatMap(([name, capacities]) => {
      const service = state.services.get(name);
      return service === undefined ? [] : [applied(service, capacities)];
    });
  return { events, refusals: refusals.toSorted((a, b) => compareNames(a.field, b.field)) };
}

function changed(before: number | undefined, { change }: CapacityChange): number | undefined {
  if (change.kind === "value") return change.capacityRps;
  return before === undefined ? undefined : before * change.factor;
}

function placesOf(state: FleetState, change: CapacityChange) {
  return servicesIn(state)
    .filter(({ spec }) => change.service === undefined || change.service === spec.service)
    .flatMap((service) => service.spec.deployments.map((deployment) => ({ service, deployment })))
    .filter(
      ({ deployment }) =>
        (change.cluster === undefined || change.cluster === deployment.cluster) &&
        (change.version === undefined || change.version === deployment.version),
    );
}

function nowhere(at: number): Refusal {
  const message = "names no destination: nothing that it names runs there; see `weir service show`";
  return { code: "UNKNOWN_DESTINATION", field: `capacities[${at}]`, message };
}

function unknown(at: number, place: string): Refusal {
  const message = `nobody knows what ${place} takes, so that it cannot be multiplied; give requests per second instead`;
  return { code: "FIELD_INVALID", field: `capacities[${at}].factor`, message };
}

function applied({ spec }: ServiceState, capacities: ReadonlyMap<DestinationKey, number>): FleetEvent {
  const deployments = spec.deployments.map((deployment) => {
    const capacityRps = capacities.get(keyOf(deployment));
    return capacityRps === undefined ? deployment : withCapacity(deployment, capacityRps);
  });
  return { kind: "service-applied", spec: { ...spec, deployments } };
}

/** Servers come and go whole: a curve gets the fewest that have the capacity. */
function withCapacity(deployment: Deployment, capacityRps: number): Deployment {
  const { curve } = deployment;
  if (curve === undefined) return { ...deployment, capacityRps };
  const servers = Math.max(1, Math.ceil((capacityRps * curve.meanWorkMs) / 1_000 - 1e-9));
  return { ...deployment, capacityRps, curve: { ...curve, servers } };
}

function servicesIn({ services }: FleetState): readonly ServiceState[] {
  return [...services].toSorted(([a], [b]) => compareNames(a, b)).map(([, service]) => service);
}
