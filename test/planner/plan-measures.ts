import { keyOf, WEIGHT_TOTAL } from "../../src/model/destination.ts";
import type { DestinationKey, Split } from "../../src/model/destination.ts";
import type { FleetState } from "../../src/model/fleet.ts";
import type { ClusterId } from "../../src/model/ids.ts";
import { CHECKOUT, serviceOf } from "./planning-fleet.ts";

/** Requests per second that rounding to basis points may add to any one destination. */
export function roundingOf(state: FleetState): number {
  const demands = Object.values(serviceOf(state).demandRps);
  return demands.reduce((sum, demand) => sum + demand, 0) / WEIGHT_TOTAL + 1e-6;
}

export function capacities(state: FleetState): ReadonlyMap<DestinationKey, number> {
  const { deployments } = serviceOf(state).spec;
  return new Map(deployments.map((found) => [keyOf(found), found.capacityRps ?? Infinity]));
}

export function total(amounts: Iterable<number>): number {
  return [...amounts].reduce((sum, amount) => sum + amount, 0);
}

export function splitsNow(state: FleetState): Readonly<Record<ClusterId, Split>> {
  const { released } = serviceOf(state);
  const entries = Object.entries(released).map(([name, hash]) => [
    name,
    state.routeSets.get(hash)?.rules[0]?.routes ?? [],
  ]);
  return Object.fromEntries(entries);
}

/** Per source and destination the higher of both weights: no order of applying comes to more. */
export function worstOf(
  before: Readonly<Record<ClusterId, Split>>,
  after: Readonly<Record<ClusterId, Split>>,
): Readonly<Record<ClusterId, Split>> {
  return Object.fromEntries(
    Object.entries(after).map(([name, split]) => {
      const weights = new Map(split.map((entry) => [keyOf(entry.destination), entry]));
      for (const entry of before[name as ClusterId] ?? []) {
        const found = weights.get(keyOf(entry.destination));
        if (found === undefined || found.weight < entry.weight) weights.set(keyOf(entry.destination), entry);
      }
      return [name, [...weights.values()]];
    }),
  );
}

/** The same state with every list and map in another order. */
export function shuffled(state: FleetState, seed: number): FleetState {
  const order = <T>(items: Iterable<T>): T[] => {
    const list = [...items];
    const cut = list.length === 0 ? 0 : Math.abs(seed) % list.length;
    const turned = [...list.slice(cut), ...list.slice(0, cut)];
    return seed % 2 === 0 ? turned.toReversed() : turned;
  };
  const mixed = <T extends object>(record: T): T => Object.fromEntries(order(Object.entries(record))) as T;
  const service = serviceOf(state);
  return {
    ...state,
    clusters: new Map(order(state.clusters)),
    routeSets: new Map(order(state.routeSets)),
    shifts: new Map(order(state.shifts)),
    services: new Map([
      [
        CHECKOUT,
        {
          ...service,
          spec: { ...service.spec, deployments: order(service.spec.deployments) },
          pins: mixed(service.pins),
          demandRps: mixed(service.demandRps),
          reported: mixed(service.reported),
          released: mixed(service.released),
        },
      ],
    ]),
  };
}
