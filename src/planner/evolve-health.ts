import { WEIGHT_TOTAL } from "../model/destination.ts";
import type { FleetEvent } from "../model/event.ts";
import type { ClusterId } from "../model/ids.ts";
import type { Draft } from "./draft.ts";
import { runsIn } from "./evolve-membership.ts";

/** Folds verdicts, recoveries and the steps of a returning cluster's share. */
export function evolveHealth(draft: Draft, event: FleetEvent): void {
  switch (event.kind) {
    case "verdict-changed":
      return foldVerdict(draft, event);
    case "recovery-changed":
      return foldRecovery(draft, event);
    case "ramp-changed":
      return foldRamp(draft, event);
  }
}

type Of<K extends FleetEvent["kind"]> = Extract<FleetEvent, { kind: K }>;

function foldVerdict(draft: Draft, { cluster, verdict }: Of<"verdict-changed">): void {
  const before = draft.state.clusters.get(cluster);
  if (before === undefined) return;
  const { wellSinceMs: _wellSinceMs, ...rest } = before;
  draft.changeCluster(cluster, () => ({
    ...rest,
    verdict,
    verdictSinceMs: draft.atMs,
    ...(verdict === "healthy" && before.firstHealthyAtMs === undefined ? { firstHealthyAtMs: draft.atMs } : {}),
  }));
  if (verdict === "dead") return raise(draft, cluster, "lost");
  // Unknown and degraded move nothing. A cluster that is well again may take what it could not before.
  if (verdict === "healthy" || before.verdict === "dead") raise(draft, cluster, "ramp");
}

function foldRecovery(draft: Draft, { cluster, wellSinceMs }: Of<"recovery-changed">): void {
  draft.changeCluster(cluster, ({ wellSinceMs: _before, ...rest }) => ({
    ...rest,
    ...(wellSinceMs === undefined ? {} : { wellSinceMs }),
  }));
}

function foldRamp(draft: Draft, { cluster, ceilingWeight }: Of<"ramp-changed">): void {
  draft.changeCluster(cluster, ({ ramp, ...rest }) => {
    if (ceilingWeight === undefined || ceilingWeight >= WEIGHT_TOTAL) return rest;
    return { ...rest, ramp: { startedAtMs: ramp?.startedAtMs ?? draft.atMs, ceilingWeight, changedAtMs: draft.atMs } };
  });
  raise(draft, cluster, "ramp");
}

function raise(draft: Draft, cluster: ClusterId, cause: "lost" | "ramp"): void {
  draft.raiseInputsWhere((service) => runsIn(service, cluster), cause);
}
