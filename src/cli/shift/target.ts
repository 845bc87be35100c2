import type { MessageInitShape } from "@bufbuild/protobuf";
import type { ShiftTargetSchema } from "../../../proto/gen/weir/v1/traffic_pb.ts";
import { WEIGHT_TOTAL, keyOf } from "../../model/destination.ts";
import type { Destination, Split, Weighted } from "../../model/destination.ts";
import { badName } from "../../model/names.ts";
import type { ClusterId, Version } from "../../model/ids.ts";
import type { Refusal } from "../../model/refusal.ts";
import { ok, refuse } from "../../model/result.ts";
import type { Result } from "../../model/result.ts";
import { toWeights } from "../../wire/split.ts";
import { parseShare } from "../notation.ts";

/** One `--to`: a destination, or a cluster alone, with its share. */
export interface Wish {
  readonly cluster: ClusterId;
  /** Undefined: the service's stable version. */
  readonly version: Version | undefined;
  readonly weight: number;
}

/** Reads `cluster/version=50%` or `cluster=50%`. Refuses WEIGHT_TYPE, BAD_NAME, FIELD_INVALID. */
export function wishOf(text: string): Result<Wish, Refusal> {
  const at = text.lastIndexOf("=");
  if (at < 1) return wrong("FIELD_INVALID", `${JSON.stringify(text)} has no share; write it as eu-west/v1=50%`);
  const [place, share] = [text.slice(0, at), text.slice(at + 1)];
  const weight = parseShare(share);
  if (weight === undefined)
    return wrong("WEIGHT_TYPE", `${JSON.stringify(share)} is no share; write it as 50%, 33.33% or 5000bp`);
  const [cluster = "", version, ...rest] = place.split("/");
  const reason = badName(cluster) ?? (version === undefined ? undefined : badName(version));
  if (reason !== undefined || rest.length > 0)
    return wrong("BAD_NAME", `${JSON.stringify(place)} ${reason ?? "is not of the form cluster/version"}`);
  return ok({ cluster: cluster as ClusterId, version: version as Version | undefined, weight });
}

/** What a target is worked out from, as it stands now. */
export interface Present {
  readonly stableVersion: Version;
  /** What each source sends now. */
  readonly splits: ReadonlyMap<ClusterId, Split>;
}

/**
 * The whole split that wishes mean. Those without version mean the stable one; if any such is among them and the shares
 * leave something over, the rest stays where it is now, in its own proportions. Refuses WEIGHTS_SUM, DUPLICATE_KEY.
 */
export function splitFor(wishes: readonly Wish[], present: Present): Result<Split, Refusal> {
  const named = wishes.map(({ cluster, version, weight }): Weighted => {
    const destination: Destination = { cluster, version: version ?? present.stableVersion };
    return { destination, weight };
  });
  const keys = named.map(({ destination }) => keyOf(destination));
  const twice = keys.find((key, index) => keys.indexOf(key) !== index);
  if (twice !== undefined) return wrong("DUPLICATE_KEY", `names ${twice} more than once`);
  const sum = named.reduce((total, { weight }) => total + weight, 0);
  const keepsRest = wishes.some(({ version }) => version === undefined) && sum < WEIGHT_TOTAL;
  if (keepsRest) return withRest(named, { rest: WEIGHT_TOTAL - sum, present });
  if (sum === WEIGHT_TOTAL) return ok(named);
  return wrong("WEIGHTS_SUM", `shares sum to ${sum / 100}%; they must sum to 100%`);
}

function withRest(
  named: Split,
  { rest, present }: { readonly rest: number; readonly present: Present },
): Result<Split, Refusal> {
  const taken = new Set(named.map(({ destination }) => keyOf(destination)));
  const kept = [...present.splits].map(([source, split]) => {
    const staying = split.filter(({ destination, weight }) => weight > 0 && !taken.has(keyOf(destination)));
    return { source, split: apportioned(staying, rest) };
  });
  const [first, ...others] = kept;
  if (first === undefined || first.split.length === 0)
    return wrong("WEIGHTS_SUM", `leaves ${rest / 100}% that no other destination has now; say where it goes`);
  const other = others.find(({ split }) => words(split) !== words(first.split));
  if (other !== undefined) {
    const difference = `${first.source} sends the rest to ${words(first.split)}, ${other.source} to ${words(other.split)}`;
    return wrong("FIELD_INVALID", `${difference}; name every destination, or shift one source at a time`);
  }
  return ok([...named, ...first.split]);
}

function words(split: Split): string {
  return split.map(({ destination, weight }) => `${keyOf(destination)}=${weight / 100}%`).join(", ") || "nowhere";
}

/** Scales weights to a total, by largest remainder: shares keep their proportions, and nothing is lost to rounding. */
function apportioned(split: Split, total: number): Split {
  const sum = split.reduce((all, { weight }) => all + weight, 0);
  const exact = split.map(({ destination, weight }) => ({
    destination,
    whole: Math.floor((weight * total) / sum),
    remainder: (weight * total) % sum,
  }));
  const missing = total - exact.reduce((all, { whole }) => all + whole, 0);
  const byRemainder = exact.toSorted((a, b) => b.remainder - a.remainder);
  const raised = new Set(byRemainder.slice(0, missing));
  return exact.map((entry) => ({ destination: entry.destination, weight: entry.whole + (raised.has(entry) ? 1 : 0) }));
}

/** A split as the target of a request. */
export function toSplitTarget(split: Split): MessageInitShape<typeof ShiftTargetSchema> {
  return { target: { case: "split", value: { weights: toWeights(split) } } };
}

function wrong(code: Refusal["code"], message: string): Result<never, Refusal> {
  return refuse({ code, field: "--to", message });
}
