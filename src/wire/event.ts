import type { MessageInitShape } from "@bufbuild/protobuf";
import type { LogEvent, LogEventSchema } from "../../proto/gen/weir/v1/log_pb.ts";
import type { FleetEvent } from "../model/event.ts";
import type { RouteSetHash } from "../model/ids.ts";
import { compareNames } from "../model/ids.ts";
import type { RouteSet } from "../model/plan.ts";
import { ok, refuse } from "../model/result.ts";
import type { Result } from "../model/result.ts";
import { canonicalJsonBytes, isFields, parseJson } from "./canonical-json.ts";
import { decodeRouteSet, encodeRouteSet, hashOfRouteSet } from "./route-set.ts";

/** Fields without which an event of a kind cannot be folded. */
type RequiredFields = { readonly [K in FleetEvent["kind"]]: readonly (keyof Extract<FleetEvent, { kind: K }>)[] };

/** One line per kind that this build can fold; a kind that is not here stops a reader. */
const REQUIRED: RequiredFields = {
  "term-started": ["epoch", "holder", "incarnation"],
  "cluster-registered": ["spec", "secretHash", "expiresAtMs"],
  "token-redeemed": ["cluster", "uid", "serial"],
  "cluster-accepted": ["cluster"],
  "cluster-greeted": ["cluster", "features"],
  "certificate-renewed": ["cluster", "serial"],
  "cluster-quarantined": ["cluster", "detail"],
  "cluster-cordoned": ["cluster"],
  "cluster-uncordoned": ["cluster"],
  "drain-started": ["cluster", "drain"],
  "drain-finished": ["cluster"],
  "cluster-revoked": ["cluster", "reason"],
  "cluster-unregistered": ["cluster"],
  "verdict-changed": ["cluster", "verdict", "evidence"],
  "recovery-changed": ["cluster"],
  "fleet-frozen": ["reason"],
  "fleet-thawed": ["reason"],
  "ramp-changed": ["cluster"],
  measured: ["measured"],
  "service-applied": ["spec"],
  "service-deleted": ["service"],
  "shift-requested": ["shift"],
  "shift-moved": ["shift", "phase", "detail", "stepsTaken"],
  "route-sets-stored": [],
  "route-sets-dropped": ["hashes"],
  "plan-committed": ["plan", "basedOn"],
  "route-set-released": ["service", "cluster", "hash", "waveIndex"],
  "route-set-removed": ["service", "cluster"],
  "rollout-waits": ["service", "waitsFor"],
  "rollout-settled": ["service"],
  "request-answered": ["requestId", "digest", "subject"],
  "incarnation-raised": ["incarnation", "reason"],
};

/** An event in the form in which it lies in the log. */
export function toLogEvent(event: FleetEvent): MessageInitShape<typeof LogEventSchema> {
  const { kind, ...body } = event;
  if (event.kind !== "route-sets-stored") return { kind, body: { case: "json", value: canonicalJsonBytes(body) } };
  const routeSets = Object.entries(event.routeSets)
    .toSorted(([a], [b]) => compareNames(a, b))
    .map(([, routeSet]) => encodeRouteSet(routeSet).bytes);
  return { kind, body: { case: "routeSets", value: { routeSets } } };
}

/** Reads an event of the log, or says in words why it cannot. */
export function fromLogEvent({ kind, body }: LogEvent): Result<FleetEvent, string> {
  if (!isKnown(kind)) return refuse(`this build does not know events of the kind ${JSON.stringify(kind.slice(0, 80))}`);
  if (kind === "route-sets-stored") return body.case === "routeSets" ? stored(body.value.routeSets) : noBody(kind);
  const fields = body.case === "json" ? parseJson(body.value) : undefined;
  if (!isFields(fields)) return noBody(kind);
  const missing = REQUIRED[kind].find((field) => fields[field] === undefined);
  if (missing !== undefined) return refuse(`an event of the kind ${kind} has no ${missing}`);
  return ok({ ...fields, kind } as unknown as FleetEvent);
}

function isKnown(kind: string): kind is FleetEvent["kind"] {
  return Object.hasOwn(REQUIRED, kind);
}

function noBody(kind: string): Result<FleetEvent, string> {
  return refuse(`an event of the kind ${kind} has no readable body`);
}

function stored(all: readonly Uint8Array[]): Result<FleetEvent, string> {
  const routeSets: Record<RouteSetHash, RouteSet> = {};
  for (const bytes of all) {
    const read = decodeRouteSet(bytes);
    if (!read.ok)
      return refuse(
        `a stored route set is refused: ${read.refusal.code} ${read.refusal.field} ${read.refusal.message}`,
      );
    routeSets[hashOfRouteSet(bytes)] = read.value;
  }
  return ok({ kind: "route-sets-stored", routeSets });
}
