import { WEIGHT_TOTAL } from "../model/destination.ts";
import type { ClusterId } from "../model/ids.ts";
import type { Draft } from "./draft.ts";
import type { EventOf, Folds } from "./folds.ts";
import { runsIn } from "./evolve-membership.ts";

/** Folds verdicts, recoveries and the steps of a returning cluster's share. */
export const HEALTH_FOLDS: Folds<
  "verdict-changed" | "recovery-changed" | "ramp-changed" | "fleet-frozen" | "fleet-thawed"
> = {
  "verdict-changed": foldVerdict,
  "recovery-changed": foldRecovery,
  "ramp-changed": foldRamp,
  "fleet-frozen": (draft, { reason }) => draft.assign({ freeze: { sinceMs: draft.atMs, reason } }),
  "fleet-thawed": thaw,
};

/** What was lost meanwhile may have been passed over by a plan that an operator asked for: everything is planned anew. */
function thaw(draft: Draft): void {
  draft.thaw();
  draft.raiseInputsWhere(() => true, "lost");
}

function foldVerdict(draft: Draft, { cluster, verdict }: EventOf<"verdict-changed">): void {
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

function foldRecovery(draft: Draft, { cluster, wellSinceMs }: EventOf<"recovery-changed">): void {
  draft.changeCluster(cluster, ({ wellSinceMs: _before, ...rest }) => ({
    ...rest,
    ...(wellSinceMs === undefined ? {} : { wellSinceMs }),
  }));
}

function foldRamp(draft: Draft, { cluster, ceilingWeight }: EventOf<"ramp-changed">): void {
  draft.changeCluster(cluster, ({ ramp, ...rest }) => {
    if (ceilingWeight === undefined || ceilingWeight >= WEIGHT_TOTAL) return rest;
    return { ...rest, ramp: { startedAtMs: ramp?.startedAtMs ?? draft.atMs, ceilingWeight, changedAtMs: draft.atMs } };
  });
  raise(draft, cluster, "ramp");
}

function raise(draft: Draft, cluster: ClusterId, cause: "lost" | "ramp"): void {
  draft.raiseInputsWhere((service) => runsIn(service, cluster), cause);
}
