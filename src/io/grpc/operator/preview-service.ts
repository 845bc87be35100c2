import type { PreviewChangeResponseSchema, PreviewService } from "../../../../proto/gen/weir/v1/preview_pb.ts";
import type { Clock } from "../../../engine/ports.ts";
import type { FleetState } from "../../../model/fleet.ts";
import type { Hypothetical } from "../../../model/hypothetical.ts";
import type { Refusal } from "../../../model/refusal.ts";
import { ok } from "../../../model/result.ts";
import type { Result } from "../../../model/result.ts";
import type { FleetPreview } from "../../../model/preview.ts";
import { drainDigest, inputsDigest } from "../../../planner/inputs-digest.ts";
import { settledFleet } from "../../../planner/preview/base.ts";
import { previewFleet } from "../../../planner/preview/fleet.ts";
import type { Progress } from "../../../planner/preview/fleet.ts";
import { remarksOf } from "../../../planner/preview/remarks.ts";
import { suppose } from "../../../planner/preview/suppose.ts";
import { findService } from "../../../planner/services.ts";
import { previewQuestion } from "../../../wire/hypothetical.ts";
import type { PreviewQuestion } from "../../../wire/hypothetical.ts";
import { toPreviewSummary, toServicePreview } from "../../../wire/preview-view.ts";
import type { PinView } from "../../../wire/preview-view.ts";
import { OneAtATime } from "../../one-at-a-time.ts";
import { Stretches } from "../../stretches.ts";
import type { Call, Emit, Implementation } from "../bind.ts";
import type { OperatorParts } from "./parts.ts";

/** Time between two signs of progress, in ms. */
const PROGRESS_MS = 1_000;

/** Previews of hypotheticals: planned on this replica's state, a little at a time, and never appended. */
export function previewService(parts: OperatorParts): Implementation<typeof PreviewService> {
  // Each takes what time the process has to spare; several at once would only be slower.
  const queue = new OneAtATime();
  return {
    previewChange: async (request, call) => {
      const question = previewQuestion(request);
      if (!question.ok) return question;
      const found = await queue.run(async () => preview(parts, question.value, call), call.signal);
      if (!found.ok) return found;
      // Whoever reads slowly holds up nobody else.
      await call.emit({ part: { case: "summary", value: found.value.summary } });
      for (const service of found.value.services)
        await call.emit({ part: { case: "service", value: toServicePreview(service) } });
      return ok(undefined);
    },
  };
}

interface Previewed {
  readonly summary: ReturnType<typeof toPreviewSummary>;
  readonly services: FleetPreview["details"];
}

async function preview(
  { engine, settings, clock }: OperatorParts,
  { hypothetical, services, detailsMax }: PreviewQuestion,
  { actor, emit, signal }: Call & { readonly emit: Emit<typeof PreviewChangeResponseSchema> },
): Promise<Result<Previewed, Refusal>> {
  const state = engine.state();
  for (const [at, name] of (services ?? []).entries()) {
    const found = findService(state, name, `services[${at}]`);
    if (!found.ok) return found;
  }
  const base = settledFleet(state);
  const after = suppose(base.state, hypothetical, { atMs: engine.logTimeMs(), actor, settings });
  if (!after.ok) return after;
  const asked = { before: base.state, after: after.value, detailsMax, ...(services !== undefined && { services }) };
  const onTurn = everySecond(clock, (progress: Progress) => {
    // What nobody reads is no reason to wait, nor to fail: the call itself ends when its stream does.
    emit({ part: { case: "progress", value: { ...progress } } }).catch(() => undefined);
  });
  const found = await new Stretches().watched(previewFleet(asked, settings), { signal, onTurn });
  const previewed = { before: state, hypothetical, preview: found, rollingServices: base.services };
  const remarks = remarksOf(previewed, settings);
  const pins = pinsOf(state, hypothetical);
  const summary = toPreviewSummary({ ...found, remarks, pins, sequence: state.sequence });
  return ok({ summary, services: found.details });
}

/** Passes on what it is told, but not more often than once a second. */
function everySecond<T>(clock: Clock, tell: (news: T) => void): (news: T) => void {
  let toldAtMs = clock.monotonicMs();
  return (news) => {
    if (clock.monotonicMs() - toldAtMs < PROGRESS_MS) return;
    toldAtMs = clock.monotonicMs();
    tell(news);
  };
}

/** Each act's digest is of what is, not of what is supposed besides. */
function pinsOf(state: FleetState, { drains, shifts }: Hypothetical): readonly PinView[] {
  return [
    ...drains.map(({ cluster }): PinView => ({ act: "drain", cluster, digest: drainDigest(state, cluster) })),
    ...shifts.map(({ service }): PinView => ({ act: "shift", service, digest: inputsDigest(state, service) })),
  ];
}
