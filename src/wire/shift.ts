import type { MessageInitShape } from "@bufbuild/protobuf";
import type { SourceSplitSchema } from "../../proto/gen/weir/v1/plan_pb.ts";
import type {
  AbortShiftRequest,
  PreviewShiftRequest,
  PreviewShiftResponseSchema,
  PreviewStepSchema,
  RequestShiftRequest,
  ShiftProposal,
  ShiftSchema,
  ShiftTarget as ShiftTargetMessage,
  ShiftTargetSchema,
} from "../../proto/gen/weir/v1/traffic_pb.ts";
import type { Command } from "../model/command.ts";
import type { Destination, Split } from "../model/destination.ts";
import type { FleetState } from "../model/fleet.ts";
import type { ClusterId, ServiceId, ShiftId } from "../model/ids.ts";
import { compareNames } from "../model/ids.ts";
import type { Reason, RouteSet } from "../model/plan.ts";
import type { Refusal } from "../model/refusal.ts";
import { ok, refuse } from "../model/result.ts";
import type { Result } from "../model/result.ts";
import type { Shift, ShiftTarget } from "../model/shift.ts";
import { Checks } from "./checks.ts";
import { bakeOf, DIGEST_LENGTH_MAX, reasonOf, stepOf } from "./cluster.ts";
import { toReason } from "./reason.ts";
import { toSequence } from "./position.ts";
import { quote } from "./quote.ts";
import { repeated, splitOf, toDestination, toWeights } from "./split.ts";
import { SHIFT_PHASES } from "./words.ts";

type CommandOf<K extends Command["kind"]> = Extract<Command, { kind: K }>;

/** Longest id of a shift. */
const SHIFT_ID_LENGTH_MAX = 128;

/**
 * A shift as a command. Refuses EMPTY_PLAN, BAD_NAME, FIELD_REQUIRED, EMPTY_SELECTOR (no sources), WEIGHTS_SUM,
 * WEIGHT_TYPE, NO_SERVING_TARGET, DUPLICATE_KEY, FIELD_INVALID.
 *
 * @param shift - the new shift's id, made by the listener.
 */
export function requestShift(
  request: RequestShiftRequest,
  shift: ShiftId,
): Result<CommandOf<"request-shift">, Refusal> {
  const checks = new Checks();
  const { proposal, pinnedDigest } = request;
  if (proposal === undefined || isEmpty(proposal)) return emptyProposal();
  const command = shiftOf(checks, "proposal", { proposal, shift });
  const reason = reasonOf(checks, "proposal.reason", proposal.reason);
  if (pinnedDigest === "") return checks.result({ ...command, reason });
  return checks.result({
    ...command,
    reason,
    pinnedDigest: checks.text("pinned_digest", pinnedDigest, DIGEST_LENGTH_MAX),
  });
}

/** A shift to be previewed, as the command it would be; a preview needs no reason. Refusals as `requestShift`. */
export function previewShift(request: PreviewShiftRequest): Result<CommandOf<"request-shift">, Refusal> {
  const checks = new Checks();
  const { proposal } = request;
  if (proposal === undefined || isEmpty(proposal)) return emptyProposal();
  const command = shiftOf(checks, "proposal", { proposal, shift: "preview" as ShiftId });
  return checks.result(command.reason === "" ? { ...command, reason: "preview" } : command);
}

function isEmpty({ service, sources, target }: ShiftProposal): boolean {
  return service === "" && sources.length === 0 && target === undefined;
}

function emptyProposal(): Result<never, Refusal> {
  const message = "asks for nothing; name a service, its sources and a target";
  return refuse({ code: "EMPTY_PLAN", field: "proposal", message });
}

/** Reads a shift as it is proposed; its reason may be empty. */
export function shiftOf(
  checks: Checks,
  field: string,
  { proposal, shift }: { readonly proposal: ShiftProposal; readonly shift: ShiftId },
): CommandOf<"request-shift"> {
  const maxStepWeight = stepOf(checks, `${field}.max_step_weight`, proposal.maxStepWeight);
  const bakeMs = bakeOf(checks, `${field}.bake_ms`, proposal.bakeMs);
  return {
    kind: "request-shift",
    shift,
    service: checks.service<ServiceId>(`${field}.service`, proposal.service),
    sources: sourcesOf(checks, `${field}.sources`, proposal.sources),
    target: targetOf(checks, `${field}.target`, proposal.target),
    ...(maxStepWeight === undefined ? {} : { maxStepWeight }),
    ...(bakeMs === undefined ? {} : { bakeMs }),
    reason: proposal.reason,
  };
}

function sourcesOf(checks: Checks, field: string, sources: readonly string[]): readonly ClusterId[] {
  if (sources.length === 0)
    checks.refuse("EMPTY_SELECTOR", field, "selects no source; name the clusters whose callers shall move");
  const twice = repeated(sources);
  if (twice !== undefined) checks.refuse("DUPLICATE_KEY", field, `names ${quote(twice)} more than once`);
  const names = sources.map((source, index) => checks.label<ClusterId>(`${field}[${index}]`, source));
  return names.toSorted(compareNames);
}

function targetOf(checks: Checks, field: string, message: ShiftTargetMessage | undefined): ShiftTarget {
  const target = message?.target;
  if (target?.case === "automatic") return { kind: "automatic" };
  if (target?.case === "split")
    return { kind: "split", split: splitOf(checks, `${field}.split.weights`, target.value.weights) };
  checks.refuse("FIELD_REQUIRED", field, "is required: a split, or automatic");
  return { kind: "automatic" };
}

/** An abort as a command. Refuses FIELD_REQUIRED, FIELD_INVALID. */
export function abortShift(request: AbortShiftRequest): Result<CommandOf<"abort-shift">, Refusal> {
  const checks = new Checks();
  const shift = checks.required("shift", request.shift, SHIFT_ID_LENGTH_MAX) as ShiftId;
  return checks.result({ kind: "abort-shift", shift, reason: reasonOf(checks, "reason", request.reason) });
}

/** A shift by its id. Refuses UNKNOWN_SHIFT. */
export function findShift(state: FleetState, id: string): Result<Shift, Refusal> {
  const shift = state.shifts.get(id as ShiftId);
  if (shift !== undefined) return ok(shift);
  return refuse({ code: "UNKNOWN_SHIFT", field: "shift", message: `there is no shift ${quote(id)}` });
}

/** The shifts of one service, or of all when the name is empty, newest first. */
export function selectShifts(state: FleetState, service: string): readonly Shift[] {
  const found = [...state.shifts.values()].filter((shift) => service === "" || shift.service === service);
  return found.toSorted((a, b) => b.requestedAtMs - a.requestedAtMs || compareNames(b.shift, a.shift));
}

/** One shift as the API shows it, with what its sources send by now. */
export function toShift(shift: Shift, state: FleetState): MessageInitShape<typeof ShiftSchema> {
  const released = state.services.get(shift.service)?.released ?? {};
  const current = shift.sources.flatMap((cluster) => {
    const hash = released[cluster];
    const routeSet = hash === undefined ? undefined : state.routeSets.get(hash);
    return routeSet === undefined ? [] : [toSourceSplit(cluster, defaultSplit(routeSet))];
  });
  return {
    shift: shift.shift,
    service: shift.service,
    sources: [...shift.sources],
    target: toTarget(shift.target),
    maxStepWeight: shift.maxStepWeight,
    bakeMs: shift.bakeMs,
    actor: shift.actor,
    reason: shift.reason,
    phase: SHIFT_PHASES[shift.phase],
    detail: shift.detail,
    requestedAtUnixMs: BigInt(Math.trunc(shift.requestedAtMs)),
    endedAtUnixMs: BigInt(Math.trunc(shift.endedAtMs ?? 0)),
    stepsTaken: shift.stepsTaken,
    current,
  };
}

/** A shift's target in the wire's form. */
export function toTarget(target: ShiftTarget): MessageInitShape<typeof ShiftTargetSchema> {
  return target.kind === "automatic"
    ? { target: { case: "automatic", value: {} } }
    : { target: { case: "split", value: { weights: toWeights(target.split) } } };
}

/** How a route set divides the requests that no special rule takes; empty when it has no rules. */
export function defaultSplit({ rules }: RouteSet): Split {
  return (rules.at(-1)?.routes ?? []).map(({ destination, weight }) => ({ destination, weight }));
}

/** One source's split in the wire's form. */
export function toSourceSplit(cluster: ClusterId, split: Split): MessageInitShape<typeof SourceSplitSchema> {
  return { cluster, weights: toWeights(split) };
}

/** What a preview found, in the model's words. */
export interface ShiftPreview {
  /** Splits now, per source. */
  readonly before: Readonly<Record<ClusterId, Split>>;
  readonly steps: readonly PreviewedStep[];
  readonly reasons: readonly Reason[];
  readonly digest: string;
  readonly sequence: number;
}

/** One step of a previewed shift. */
export interface PreviewedStep {
  readonly splits: Readonly<Record<ClusterId, Split>>;
  readonly loads: readonly PreviewedLoad[];
}

/** What a step does to one destination's load. */
export interface PreviewedLoad {
  readonly destination: Destination;
  readonly beforeRps: number;
  readonly afterRps: number;
  readonly capacityRps?: number;
}

/** A preview as the API shows it. */
export function toPreview(preview: ShiftPreview): MessageInitShape<typeof PreviewShiftResponseSchema> {
  return {
    before: toSourceSplits(preview.before),
    steps: preview.steps.map(toPreviewStep),
    reasons: preview.reasons.map(toReason),
    digest: preview.digest,
    sequence: toSequence(preview.sequence),
  };
}

function toPreviewStep({ splits, loads }: PreviewedStep): MessageInitShape<typeof PreviewStepSchema> {
  return {
    splits: toSourceSplits(splits),
    loads: loads.map(({ destination, ...rest }) => ({ destination: toDestination(destination), ...rest })),
  };
}

/** Splits in the wire's form, by source. */
export function toSourceSplits(
  splits: Readonly<Record<ClusterId, Split>>,
): MessageInitShape<typeof SourceSplitSchema>[] {
  const entries = Object.entries(splits) as [ClusterId, Split][];
  return entries.toSorted(([a], [b]) => compareNames(a, b)).map(([cluster, split]) => toSourceSplit(cluster, split));
}
