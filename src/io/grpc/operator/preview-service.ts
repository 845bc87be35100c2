import type { PreviewChangeResponseSchema, PreviewService } from "../../../../proto/gen/weir/v1/preview_pb.ts";
import type { PreviewChangeRequest } from "../../../../proto/gen/weir/v1/preview_pb.ts";
import type { FleetState } from "../../../model/fleet.ts";
import type { Hypothetical } from "../../../model/hypothetical.ts";
import type { Refusal } from "../../../model/refusal.ts";
import { ok } from "../../../model/result.ts";
import type { Result } from "../../../model/result.ts";
import { drainDigest, inputsDigest } from "../../../planner/inputs-digest.ts";
import { settledFleet } from "../../../planner/preview/base.ts";
import { previewFleet } from "../../../planner/preview/fleet.ts";
import type { Progress } from "../../../planner/preview/fleet.ts";
import { remarksOf } from "../../../planner/preview/remarks.ts";
import { suppose } from "../../../planner/preview/suppose.ts";
import { findService } from "../../../planner/services.ts";
import { previewQuestion } from "../../../wire/hypothetical.ts";
import { toPreviewSummary, toServicePreview } from "../../../wire/preview-view.ts";
import type { PinView } from "../../../wire/preview-view.ts";
import { Stretches } from "../../stretches.ts";
import type { Call, Emit, Implementation } from "../bind.ts";
import type { OperatorParts } from "./parts.ts";

/** Time between two signs of progress, in ms. */
const PROGRESS_MS = 1_000;

/** Previews of hypotheticals: planned on this replica's state, a little at a time, and never appended. */
export function previewService(parts: OperatorParts): Implementation<typeof PreviewService> {
  return { previewChange: async (request, call) => preview(parts, request, call) };
}

async function preview(
  { engine, settings, clock }: OperatorParts,
  request: PreviewChangeRequest,
  { actor, emit, signal }: Call & { readonly emit: Emit<typeof PreviewChangeResponseSchema> },
): Promise<Result<void, Refusal>> {
  const question = previewQuestion(request);
  if (!question.ok) return question;
  const { hypothetical, services, detailsMax } = question.value;
  const state = engine.state();
  for (const [at, name] of (services ?? []).entries()) {
    const found = findService(state, name, `services[${at}]`);
    if (!found.ok) return found;
  }
  const base = settledFleet(state);
  const after = suppose(base.state, hypothetical, { atMs: engine.logTimeMs(), actor, settings });
  if (!after.ok) return after;
  const asked = { before: base.state, after: after.value, detailsMax, ...(services !== undefined && { services }) };
  let toldAtMs = clock.monotonicMs();
  const onTurn = async (progress: Progress): Promise<void> => {
    if (clock.monotonicMs() - toldAtMs < PROGRESS_MS) return;
    toldAtMs = clock.monotonicMs();
    await emit({ part: { case: "progress", value: { ...progress } } });
  };
  const found = await new Stretches().watched(previewFleet(asked, settings), { signal, onTurn });
  const previewed = { before: state, hypothetical, preview: found, rollingServices: base.services };
  const summary = toPreviewSummary({
    ...found,
    remarks: remarksOf(previewed, settings),
    pins: pinsOf(state, hypothetical),
    sequence: state.sequence,
  });
  await emit({ part: { case: "summary", value: summary } });
  for (const service of found.details) await emit({ part: { case: "service", value: toServicePreview(service) } });
  return ok(undefined);
}

/** Each act's digest is of what is, not of what is supposed besides. */
function pinsOf(state: FleetState, { drains, shifts }: Hypothetical): readonly PinView[] {
  return [
    ...drains.map(({ cluster }): PinView => ({ act: "drain", cluster, digest: drainDigest(state, cluster) })),
    ...shifts.map(({ service }): PinView => ({ act: "shift", service, digest: inputsDigest(state, service) })),
  ];
}
