import type { Command } from "../model/command.ts";
import type { FleetEvent } from "../model/event.ts";
import type { FleetState } from "../model/fleet.ts";
import type { ServiceId } from "../model/ids.ts";
import type { Observed, ObservedCluster } from "../model/observed.ts";

/**
 * What of a command is written down beside its events. Everything that an operator asked; of what the planner decides by
 * itself, the numbers that led to these events: the fleet's whole picture in every record would outgrow a message with a
 * few thousand pairs of cluster and service. Plans and measurements are in the events and not written twice.
 */
export function recordedCommand(state: FleetState, command: Command, events: readonly FleetEvent[]): unknown {
  const { kind } = command;
  if (kind === "observe") return { kind, observed: pictureOf(command.observed, new Set()) };
  if (kind === "tick") return { kind, observed: pictureOf(command.observed, servicesOf(state, events)) };
  if (kind !== "propose") return command;
  return {
    kind,
    proposals: command.proposals.map(({ plan, inputsSequence }) => ({ service: plan.service, inputsSequence })),
  };
}

function servicesOf(state: FleetState, events: readonly FleetEvent[]): ReadonlySet<ServiceId> {
  const named = events.map((event) => {
    if (event.kind === "shift-moved") return state.shifts.get(event.shift)?.service;
    return "service" in event ? event.service : undefined;
  });
  return new Set(named.filter((service) => service !== undefined));
}

/** Every cluster as it was seen, and of its services those that something was decided about. */
function pictureOf({ clusters, ...rest }: Observed, services: ReadonlySet<ServiceId>): Observed {
  const entries = Object.entries(clusters).map(([name, cluster]) => [name, aspectOf(cluster, services)] as const);
  return { ...rest, clusters: Object.fromEntries(entries) };
}

function aspectOf(cluster: ObservedCluster, services: ReadonlySet<ServiceId>): ObservedCluster {
  return {
    ...cluster,
    appliedHashes: only(cluster.appliedHashes, services),
    refusals: cluster.refusals.filter(({ service }) => services.has(service)),
    traffic: only(cluster.traffic, services),
  };
}

function only<V>(
  all: Readonly<Record<ServiceId, V>>,
  services: ReadonlySet<ServiceId>,
): Readonly<Record<ServiceId, V>> {
  const found = [...services].flatMap((service) => {
    const value = all[service];
    return value === undefined ? [] : [[service, value] as const];
  });
  return Object.fromEntries(found);
}
