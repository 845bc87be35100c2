import type { MessageInitShape } from "@bufbuild/protobuf";
import type {
  PreviewCostSchema,
  PreviewPinSchema,
  PreviewSummarySchema,
  ServiceMeasuresSchema,
  ServicePreviewSchema,
} from "../../proto/gen/weir/v1/preview_pb.ts";
import type { ClusterId, ServiceId } from "../model/ids.ts";
import type { FleetPreview, Measures, PreviewCost, ServicePreview } from "../model/preview.ts";
import { toReason } from "./reason.ts";
import { toSequence } from "./position.ts";
import { toSourceSplits } from "./shift.ts";
import { toDestination } from "./split.ts";
import { toSurvivalStatus, toSurvivalSummary } from "./survival.ts";

/** A preview of a fleet, and what is said beside it. */
export interface PreviewView extends Omit<FleetPreview, "details"> {
  readonly remarks: readonly string[];
  readonly pins: readonly PinView[];
  readonly sequence: number;
}

/** A digest, and the act that may pin it. */
export type PinView = { readonly digest: string } & (
  | { readonly act: "drain"; readonly cluster: ClusterId }
  | { readonly act: "shift"; readonly service: ServiceId }
);

/** The summary as the API shows it. */
export function toPreviewSummary(preview: PreviewView): MessageInitShape<typeof PreviewSummarySchema> {
  const { worst, pins, remarks, sequence } = preview;
  return {
    services: preview.services,
    movingServices: preview.movingServices,
    movedRps: preview.movedRps,
    stepsMax: preview.stepsMax,
    incompleteServices: preview.incompleteServices,
    before: toCost(preview.before),
    atOnce: toCost(preview.atOnce),
    after: toCost(preview.after),
    clusters: preview.clusters.map((cluster) => ({ ...cluster })),
    ...(worst !== undefined && { worst: { ...worst, destination: toDestination(worst.destination) } }),
    survivalBefore: toSurvivalSummary(preview.survivalBefore),
    survivalAfter: toSurvivalSummary(preview.survivalAfter),
    pins: pins.map(toPin),
    remarks: [...remarks],
    sequence: toSequence(sequence),
  };
}

function toCost(
  cost: PreviewCost & { readonly overloadedServices?: number },
): MessageInitShape<typeof PreviewCostSchema> {
  return {
    demandRps: cost.demandRps,
    latencyMs: cost.latencyMs,
    spentMsRps: cost.spentMsRps,
    dollarsPerHour: cost.dollarsPerHour,
    overLimitRps: cost.overLimitRps,
    overCapacityRps: cost.overCapacityRps,
    lostRps: cost.lostRps,
    overloadedServices: cost.overloadedServices ?? Number(cost.overLimitRps + cost.lostRps > 0),
  };
}

function toPin(pin: PinView): MessageInitShape<typeof PreviewPinSchema> {
  return {
    act: pin.act === "drain" ? { case: "drain", value: pin.cluster } : { case: "shift", value: pin.service },
    digest: pin.digest,
  };
}

/** One service as the API shows it. */
export function toServicePreview(found: ServicePreview): MessageInitShape<typeof ServicePreviewSchema> {
  const { service, freeBefore, freeAfter } = found;
  return {
    service,
    beforeSplits: toSourceSplits(found.splits),
    before: toMeasures(found.before),
    atOnce: toMeasures(found.atOnce),
    steps: found.steps.map(({ changes, urgency, measures }) => ({
      changes: toSourceSplits(changes),
      urgency,
      measures: toMeasures(measures),
    })),
    after: toMeasures(found.after),
    movedRps: found.movedRps,
    reasons: found.reasons.map(toReason),
    survivalBefore: toSurvivalStatus(service, found.survivalBefore),
    survivalAfter: toSurvivalStatus(service, found.survivalAfter),
    ...(freeBefore !== undefined && { freeBefore: { ...freeBefore } }),
    ...(freeAfter !== undefined && { freeAfter: { ...freeAfter } }),
    isComplete: found.isComplete,
  };
}

function toMeasures(measures: Measures): MessageInitShape<typeof ServiceMeasuresSchema> {
  const { loads, tightest } = measures;
  return {
    cost: toCost(measures),
    loads: loads.map(({ destination, ...load }) => ({ destination: toDestination(destination), ...load })),
    ...(tightest !== undefined && {
      leastFreeShare: tightest.freeShare,
      tightest: toDestination(tightest.destination),
    }),
  };
}
