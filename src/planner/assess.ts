import type { ClusterState, Verdict } from "../model/cluster.ts";
import type { FleetEvent } from "../model/event.ts";
import type { FleetState } from "../model/fleet.ts";
import type { ClusterId } from "../model/ids.ts";
import { compareNames } from "../model/ids.ts";
import type { Observed } from "../model/observed.ts";
import { evidenceOf } from "./evidence.ts";
import type { Evidence, EvidenceContext } from "./evidence.ts";
import { freezing } from "./freeze.ts";
import { firstCeiling } from "./ramp.ts";
import { isServing } from "./room.ts";

/** Least share of the member clusters that automation leaves serving; at least one. */
const SERVING_RATIO_MIN = 0.5;

/**
 * Turns reports into verdicts, slowly in the direction of trust: a dead cluster must look well for `healthyAfterMs`, and
 * its share then climbs in a ramp. Deciding the same again decides nothing.
 */
export function assess(state: FleetState, observed: Observed, context: EvidenceContext): readonly FleetEvent[] {
  const evidence = evidenceOf(state, observed, context);
  const { isFrozen, events } = freezing(state, evidence, context);
  const believed = isFrozen ? new Set<ClusterId>() : believedDead(state, evidence);
  const verdicts = evidence.flatMap((found) => {
    const before = state.clusters.get(found.cluster);
    if (before === undefined) return [];
    if (before.verdict === "dead") return recovery(before, found, { ...context, isFrozen });
    const isNew = before.firstHealthyAtMs === undefined;
    const isHeld = found.verdict === "dead" && !believed.has(found.cluster);
    // A cluster that never proved itself carries nothing that its death could move.
    if (isHeld && isNew) return judged(before, { ...found, verdict: "unknown" }, context);
    return judged(before, isHeld ? held(found) : found, context);
  });
  return [...events, ...verdicts];
}

/**
 * Which of those that seem dead may be taken for dead: as many as leave the floor of serving clusters, those silent for
 * longest first.
 */
function believedDead(state: FleetState, evidence: readonly Evidence[]): ReadonlySet<ClusterId> {
  const active = [...state.clusters.values()].filter(({ membership }) => membership === "active");
  const members = active.filter(({ firstHealthyAtMs }) => firstHealthyAtMs !== undefined);
  const proven = new Set(members.map(({ spec }) => spec.cluster));
  const serving = members.filter(({ spec }) => isServing(state, spec.cluster)).length;
  const floor = Math.max(1, Math.ceil(members.length * SERVING_RATIO_MIN));
  const seeming = evidence
    .filter(({ cluster, verdict }) => verdict === "dead" && proven.has(cluster))
    .toSorted((a, b) => b.silentForMs - a.silentForMs || compareNames(a.cluster, b.cluster));
  const idle = seeming.filter(({ cluster }) => !isServing(state, cluster));
  const losses = seeming.filter(({ cluster }) => isServing(state, cluster)).slice(0, Math.max(0, serving - floor));
  return new Set([...idle, ...losses].map(({ cluster }) => cluster));
}

/** Unknown moves nothing: what cannot be believed is held there. */
function held(found: Evidence): Evidence {
  return { ...found, verdict: "unknown", text: `${found.text}; not taken for dead, for too many would be` };
}

function judged(before: ClusterState, found: Evidence, { settings, atMs }: EvidenceContext): readonly FleetEvent[] {
  if (before.verdict === found.verdict) return [];
  // A cluster that flaps between healthy and degraded writes two records per `healthyAfterMs`, not two per second.
  const isTooSoon = atMs - before.verdictSinceMs < settings.healthyAfterMs;
  if (before.verdict === "degraded" && found.verdict === "healthy" && isTooSoon) return [];
  return [verdictChanged(found.cluster, found.verdict, found.text)];
}

/** A dead cluster stays dead until heartbeat and stream have spoken for it long enough; one relapse starts that anew. */
function recovery(
  { wellSinceMs }: ClusterState,
  { cluster, isAlive }: Evidence,
  { settings, atMs, isFrozen }: EvidenceContext & { readonly isFrozen: boolean },
): readonly FleetEvent[] {
  if (!isAlive) return wellSinceMs === undefined ? [] : [{ kind: "recovery-changed", cluster }];
  if (wellSinceMs === undefined) return [{ kind: "recovery-changed", cluster, wellSinceMs: atMs }];
  if (isFrozen || atMs - wellSinceMs < settings.healthyAfterMs) return [];
  const text = `looks well for ${Math.round(settings.healthyAfterMs / 1_000)} s`;
  const ceilingWeight = firstCeiling(settings);
  const ramp: readonly FleetEvent[] =
    ceilingWeight === undefined ? [] : [{ kind: "ramp-changed", cluster, ceilingWeight }];
  return [...ramp, verdictChanged(cluster, "healthy", text)];
}

function verdictChanged(cluster: ClusterId, verdict: Verdict, evidence: string): FleetEvent {
  return { kind: "verdict-changed", cluster, verdict, evidence };
}
