import { fromBinary } from "@bufbuild/protobuf";
import { DeltaBase, FallbackOutcome } from "../../proto/gen/weir/v1/agent_pb.ts";
import type { PlanDelta } from "../../proto/gen/weir/v1/agent_pb.ts";
import { RouteSetSchema } from "../../proto/gen/weir/v1/plan_pb.ts";
import type { ClusterId, ServiceId } from "../../src/model/ids.ts";
import { badServiceName } from "../../src/model/names.ts";
import type { RouteSet } from "../../src/model/plan.ts";
import type { Position } from "../../src/model/position.ts";
import type { Refusal } from "../../src/model/refusal.ts";
import { ok, refuse } from "../../src/model/result.ts";
import type { Result } from "../../src/model/result.ts";
import type { RouteRefusal } from "../../src/model/report.ts";
import { planDigestHex } from "../../src/wire/digest.ts";
import { fromPosition } from "../../src/wire/position.ts";
import { decodeRouteSet, hashOfRouteSet } from "../../src/wire/route-set.ts";
import { DIGEST_BYTES, toHex } from "../../src/wire/sha256.ts";
import type { PlainDelta } from "../../src/wire/stream-bytes.ts";
import type { FallbackRuling, Offer } from "../core/delta.ts";
import type { DigestOf, StoredRouteSet } from "../core/holding.ts";
import { createSharing } from "../core/sharing.ts";

/** A delta as it came: the general message, or what a direct reader made of a plain one. */
export type Delta = PlanDelta | PlainDelta;

/** Digest over hashes, in lower-case hex: what the core is handed. */
export const digestOf: DigestOf = planDigestHex;

/** Most services that one delta may name; the planner stays well below. */
const ROUTE_SETS_MAX = 20_000;

/**
 * Translates a delta. Refuses the whole when it makes no sense as a whole: FIELD_REQUIRED, SEQ_RANGE, UNKNOWN_ENUM,
 * SCHEMA_INVALID, HASH_MISMATCH (a route set that names no service). A route set that names its service but is wrong otherwise becomes `unsound`, so that one
 * tenant's bad routes stop nobody else's.
 */
export function readOffer(delta: Delta): Result<Offer, Refusal> {
  if (!("$typeName" in delta)) return offerOf(delta, NOTHING_ELSE);
  if (delta.position === undefined) return no("FIELD_REQUIRED", "position", "is required and was not set");
  const position = fromPosition(delta.position, "position");
  if (!position.ok) return position;
  const base = BASES.get(delta.base);
  if (base === undefined) return no("UNKNOWN_ENUM", "base", `${delta.base} is no delta base that this agent knows`);
  if (delta.digest.length !== DIGEST_BYTES)
    return no("SCHEMA_INVALID", "digest", `has ${delta.digest.length} bytes, not ${DIGEST_BYTES}`);
  const { digest, routeSets, removed, fallbackRulings } = delta;
  const rest = { removed: removed as ServiceId[], rulings: fallbackRulings.flatMap(toRuling) };
  return offerOf({ position: position.value, digest, base, routeSets }, rest);
}

const NOTHING_ELSE: Pick<Offer, "removed" | "rulings"> = { removed: [], rulings: [] };

function offerOf(
  { position, digest, base, routeSets }: PlainDelta,
  { removed, rulings }: Pick<Offer, "removed" | "rulings">,
): Result<Offer, Refusal> {
  if (routeSets.length > ROUTE_SETS_MAX)
    return no("SCHEMA_INVALID", "route_sets", `${routeSets.length} route sets; at most ${ROUTE_SETS_MAX} are allowed`);
  const read = readRouteSets(routeSets);
  if (!read.ok) return read;
  const { changed, unsound } = read.value;
  return ok({ position, digest: toHex(digest), base, changed, unsound, removed, rulings });
}

/** The position that a delta claims, as far as it can be said again. */
export function namedPosition(delta: Delta): Position | undefined {
  if (!("$typeName" in delta)) return delta.position;
  const { position } = delta;
  const read = position === undefined ? undefined : fromPosition(position, "position");
  return read?.ok === true ? read.value : undefined;
}

const BASES = new Map<number, Offer["base"]>([
  [DeltaBase.HELD, "held"],
  [DeltaBase.NOTHING, "nothing"],
]);

function readRouteSets(all: readonly Uint8Array[]): Result<Pick<Offer, "changed" | "unsound">, Refusal> {
  const changed: StoredRouteSet[] = [];
  const unsound: RouteRefusal[] = [];
  // One by itself has nobody to share with.
  const share = all.length > 1 ? createSharing() : (routeSet: RouteSet) => routeSet;
  for (const [index, bytes] of all.entries()) {
    const read = decodeRouteSet(bytes);
    const hash = hashOfRouteSet(bytes);
    if (read.ok) {
      // A copy: what a message holds is a view of the whole message, which would be kept for its smallest part.
      changed.push({ hash, routeSet: share(read.value), bytes: new Uint8Array(bytes) });
      continue;
    }
    const service = serviceNameIn(bytes);
    const { code, field, message } = read.refusal;
    if (service === undefined) return no("HASH_MISMATCH", `route_sets[${index}]`, nameless(read.refusal));
    unsound.push({ service, hash, code, detail: field === "" ? message : `${field} ${message}` });
  }
  return ok({ changed, unsound });
}

/** The digest is over services and hashes, so that it cannot hold with a route set of no service. */
function nameless({ code, message }: Refusal): string {
  return `names no service (${code}: ${message}): it was cut short or changed on its way; nothing of the plan is used`;
}

/** The service that bytes are about, if they say so much. */
function serviceNameIn(bytes: Uint8Array): ServiceId | undefined {
  try {
    const { service } = fromBinary(RouteSetSchema, bytes);
    return badServiceName(service) === undefined ? (service as ServiceId) : undefined;
  } catch {
    // Bytes that are no message name nothing; the caller refuses them all.
    return undefined;
  }
}

function toRuling({ lostCluster, outcome }: { lostCluster: string; outcome: FallbackOutcome }): FallbackRuling[] {
  const cluster = lostCluster as ClusterId;
  if (outcome === FallbackOutcome.ADOPTED) return [{ lostCluster: cluster, outcome: "adopted" }];
  if (outcome === FallbackOutcome.REVERSED) return [{ lostCluster: cluster, outcome: "reversed" }];
  // A number that a newer planner knows: the fallback stays, which is always safe.
  return [];
}

function no(code: Refusal["code"], field: string, message: string): Result<never, Refusal> {
  return refuse({ code, field, message });
}
