import type { Command } from "../../model/command.ts";
import type { FleetEvent } from "../../model/event.ts";
import type { FleetState } from "../../model/fleet.ts";
import type { Hypothetical } from "../../model/hypothetical.ts";
import type { Actor, ClusterId, ServiceId } from "../../model/ids.ts";
import type { Refusal } from "../../model/refusal.ts";
import { ok, refuse } from "../../model/result.ts";
import type { Result } from "../../model/result.ts";
import type { Settings } from "../../model/settings.ts";
import { decide } from "../decide.ts";
import { evolve } from "../evolve.ts";
import { findCluster } from "../membership.ts";
import { findService } from "../services.ts";
import { capacityEvents, demandEvents } from "./changes.ts";

/** Who supposes, and by what the planner goes. */
export interface Supposing {
  readonly atMs: number;
  readonly actor: Actor;
  readonly settings: Settings;
}

/**
 * The fleet as it would be: what operators do goes through the decider, all else is told as what would be recorded if it
 * happened. Refuses names that are unknown, all of them at once, and what the decider refuses.
 */
export function suppose(
  state: FleetState,
  hypothetical: Hypothetical,
  supposing: Supposing,
): Result<FleetState, Refusal> {
  const unknown = unknownNames(state, hypothetical);
  if (unknown.length > 0) return refuse(together(unknown));
  const { demands, capacities, lost } = hypothetical;
  const demanding = folded(state, demandEvents(state, demands), supposing);
  const changed = capacityEvents(demanding, capacities);
  if (changed.refusals.length > 0) return refuse(together(changed.refusals));
  const measured = asMeasured(state, folded(demanding, changed.events, supposing));
  let after = folded(measured, lost.map(deathOf), supposing);
  for (const { field, command } of commandsOf(hypothetical)) {
    const decision = decide(after, { command, ...envelopeOf(supposing) }, supposing.settings);
    if (!decision.ok) return refuse({ ...decision.refusal, field: fieldIn(field, decision.refusal) });
    after = folded(after, decision.value, supposing);
  }
  return ok(after);
}

function deathOf(cluster: ClusterId): FleetEvent {
  return { kind: "verdict-changed", cluster, verdict: "dead", evidence: "supposed" };
}

function envelopeOf({ atMs, actor }: Supposing) {
  return { atMs, actor, requestId: "", requestDigest: "" };
}

/** The state after events, as if they were the next record. */
function folded(state: FleetState, events: readonly FleetEvent[], { atMs, actor }: Supposing): FleetState {
  if (events.length === 0) return state;
  const { incarnation, epoch, holder, sequence } = state;
  const named = { sequence: sequence + 1, writer: holder, nonce: "preview", command: undefined };
  return evolve(state, { incarnation, epoch, atMs, actor, events, ...named });
}

/** Whatever changed so far is planned as what was measured is, though some of it had to be declared. */
function asMeasured(before: FleetState, after: FleetState): FleetState {
  const services = new Map(after.services);
  for (const [name, service] of after.services) {
    const cause = before.services.get(name)?.inputsCause;
    if (service !== before.services.get(name)) services.set(name, { ...service, inputsCause: cause ?? "measured" });
  }
  return { ...after, services };
}

interface Asked {
  readonly field: string;
  readonly command: Command;
}

function commandsOf({ cordons, drains, shifts }: Hypothetical): readonly Asked[] {
  return [
    ...cordons.map((cluster, at) => ({
      field: `cordons[${at}]`,
      command: { kind: "cordon-cluster", cluster } as const,
    })),
    ...drains.map((drain, at) => ({
      field: `drains[${at}]`,
      command: { kind: "drain-cluster", ...drain } as const,
    })),
    ...shifts.map((command, at) => ({ field: `shifts[${at}]`, command })),
  ];
}

function fieldIn(path: string, { field }: Refusal): string {
  return field === "" || (field === "cluster" && path.startsWith("cordons")) ? path : `${path}.${field}`;
}

function unknownNames(state: FleetState, hypothetical: Hypothetical): readonly Refusal[] {
  const { demands, capacities, lost, cordons, drains, shifts } = hypothetical;
  const cluster = (name: ClusterId | undefined, field: string) =>
    name === undefined ? [] : refusalsOf(findCluster(state, name, field));
  const service = (name: ServiceId | undefined, field: string) =>
    name === undefined ? [] : refusalsOf(findService(state, name, field));
  return [
    ...demands.flatMap((change, at) => [
      ...service(change.service, `demands[${at}].service`),
      ...cluster(change.source, `demands[${at}].source`),
    ]),
    ...capacities.flatMap((change, at) => [
      ...service(change.service, `capacities[${at}].service`),
      ...cluster(change.cluster, `capacities[${at}].cluster`),
    ]),
    ...lost.flatMap((name, at) => cluster(name, `lost_clusters[${at}]`)),
    ...cordons.flatMap((name, at) => cluster(name, `cordons[${at}]`)),
    ...drains.flatMap((drain, at) => cluster(drain.cluster, `drains[${at}].cluster`)),
    ...shifts.flatMap((shift, at) => [
      ...service(shift.service, `shifts[${at}].service`),
      ...shift.sources.flatMap((name, index) => cluster(name, `shifts[${at}].sources[${index}]`)),
    ]),
  ];
}

function refusalsOf(found: Result<unknown, Refusal>): readonly Refusal[] {
  return found.ok ? [] : [found.refusal];
}

/** Several refusals as one, each with its field. */
function together(refusals: readonly Refusal[]): Refusal {
  const [first, ...others] = refusals;
  if (first === undefined) return { code: "FIELD_INVALID", field: "", message: "" };
  const rest = others.map(({ field, message }) => `${field}: ${message}`);
  return { ...first, message: [first.message, ...rest].join("; ") };
}
