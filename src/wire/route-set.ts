import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { RouteSetSchema } from "../../proto/gen/weir/v1/plan_pb.ts";
import type {
  Address,
  AddressSchema,
  Reach as ReachMessage,
  ReachSchema,
  Route as RouteMessage,
  RouteSchema,
  RouteSet as RouteSetMessage,
  Rule as RuleMessage,
  RuleSchema,
} from "../../proto/gen/weir/v1/plan_pb.ts";
import type { GatewayAddress } from "../model/cluster.ts";
import { DestinationSet, firstMissing } from "../model/destination-set.ts";
import { compareDestinations, keyOf } from "../model/destination.ts";
import { compareNames } from "../model/ids.ts";
import type { RouteSetHash } from "../model/ids.ts";
import type { Reach, Route, RouteSet, Rule } from "../model/plan.ts";
import type { Refusal } from "../model/refusal.ts";
import { ok, refuse } from "../model/result.ts";
import type { Result } from "../model/result.ts";
import { readCanonicalRouteSet } from "./canonical-route-set.ts";
import { Checks } from "./checks.ts";
import { isHost, PORT } from "./host.ts";
import { requestPolicyOf, toRequestPolicy } from "./request-policy.ts";
import { sha256Hex } from "./sha256.ts";
import { checkWeights, destinationOf, repeated, sorted, splitOf, toDestination, toWeights } from "./split.ts";
import { PROTOCOLS, PROTOCOL_WORDS } from "./words.ts";

/** Most routes, over all rules, that one route set may have. */
export const ROUTES_MAX = 2_000;

/** Most bytes that one route set may have. */
export const ROUTE_SET_BYTES_MAX = 1_048_576;

const HEADER_LENGTH_MAX = 1_024;

/**
 * The canonical bytes of a route set and their hash, its name for ever. The same value gives the same bytes on every
 * machine: fields in the order of their numbers, splits and maps sorted, nothing left to a default.
 */
export function encodeRouteSet(routeSet: RouteSet): { readonly hash: RouteSetHash; readonly bytes: Uint8Array } {
  const bytes = toBinary(RouteSetSchema, create(RouteSetSchema, toRouteSet(routeSet)));
  return { hash: hashOfRouteSet(bytes), bytes };
}

/** The name of a route set that came as these bytes. */
export function hashOfRouteSet(bytes: Uint8Array): RouteSetHash {
  return sha256Hex(bytes) as RouteSetHash;
}

/** Refuses HASH_MISMATCH when bytes are not what their name says: cut short, changed, or mixed up. */
export function checkRouteSetHash(bytes: Uint8Array, expected: string): Result<RouteSetHash, Refusal> {
  const hash = hashOfRouteSet(bytes);
  if (hash === expected) return ok(hash);
  const message = `${bytes.length} bytes named ${expected || "nothing"} have the hash ${hash}; ask for them again`;
  return refuse({ code: "HASH_MISMATCH", field: "route_sets", message });
}

/**
 * Reads a route set and checks everything that it shows by itself. Refuses DECODE, SCHEMA_INVALID (size, routes without
 * a last rule for all, destinations that cannot be reached), WEIGHTS_SUM, WEIGHT_TYPE, NO_SERVING_TARGET, UNKNOWN_ENUM,
 * BAD_NAME, DUPLICATE_KEY, FIELD_INVALID, FIELD_REQUIRED, each with the path of the field.
 */
export function decodeRouteSet(bytes: Uint8Array): Result<RouteSet, Refusal> {
  if (bytes.length > ROUTE_SET_BYTES_MAX) {
    const message = `a route set of ${bytes.length} bytes; at most ${ROUTE_SET_BYTES_MAX} are allowed`;
    return refuse({ code: "SCHEMA_INVALID", field: "", message });
  }
  const canonical = readCanonicalRouteSet(bytes);
  if (canonical !== undefined && entriesIn(canonical.rules) <= ROUTES_MAX) return ok(canonical);
  // Bytes of another form may be fine as well; if they are not, this way says what is wrong with them.
  const message = decoded(bytes);
  if (message === undefined)
    return refuse({ code: "DECODE", field: "", message: "these bytes are no RouteSet message" });
  return fromRouteSet(message);
}

function decoded(bytes: Uint8Array): RouteSetMessage | undefined {
  try {
    return fromBinary(RouteSetSchema, bytes);
  } catch {
    // Bytes of any kind may arrive here: that they are no message is an answer, not an accident.
    return undefined;
  }
}

/** A route set in the wire's form. */
export function toRouteSet(routeSet: RouteSet): MessageInitShape<typeof RouteSetSchema> {
  const reaches = routeSet.reaches.toSorted((a, b) => compareDestinations(a.destination, b.destination));
  return {
    service: routeSet.service,
    cluster: routeSet.cluster,
    protocol: PROTOCOLS[routeSet.protocol],
    port: routeSet.port,
    rules: routeSet.rules.map(toRule),
    reaches: reaches.map(toReach),
    serves: [...routeSet.serves],
    request: toRequestPolicy(routeSet.request),
  };
}

function toRule({ match, routes }: Rule): MessageInitShape<typeof RuleSchema> {
  const headers = Object.entries(match.headers).toSorted(([a], [b]) => compareNames(a, b));
  return { match: { headers: Object.fromEntries(headers) }, routes: sorted(routes).map(toRoute) };
}

function toRoute({ destination, weight, fallback }: Route): MessageInitShape<typeof RouteSchema> {
  return { destination: toDestination(destination), weight, fallback: toWeights(fallback) };
}

function toReach({ destination, gateway, rttMs }: Reach): MessageInitShape<typeof ReachSchema> {
  return {
    destination: toDestination(destination),
    rttMs,
    ...(gateway === undefined ? {} : { gateway: toAddress(gateway) }),
  };
}

/** A network address in the wire's form. */
export function toAddress({ address, port }: GatewayAddress): MessageInitShape<typeof AddressSchema> {
  return { address, port };
}

/** Reads a route set message; refusals as `decodeRouteSet`. */
export function fromRouteSet(message: RouteSetMessage): Result<RouteSet, Refusal> {
  const checks = new Checks();
  checkSize(checks, message);
  // A flood of routes is refused before each of them is looked at.
  if (!checks.isClean()) return checks.result(undefined as never);
  const routeSet: RouteSet = {
    service: checks.service("service", message.service),
    cluster: checks.label("cluster", message.cluster),
    protocol: checks.choice("protocol", { value: message.protocol, ...PROTOCOL_WORDS }),
    port: checks.integer("port", message.port, PORT),
    rules: message.rules.map((rule, index) => ruleOf(checks, `rules[${index}]`, rule)),
    reaches: message.reaches.map((reach, index) => reachOf(checks, `reaches[${index}]`, reach)),
    serves: message.serves.map((version, index) => checks.label(`serves[${index}]`, version)),
    request: requestPolicyOf(checks, "request", message.request),
  };
  checkWhole(checks, routeSet);
  return checks.result(routeSet);
}

function entriesIn(rules: readonly { readonly routes: readonly unknown[] }[]): number {
  return rules.reduce((sum, { routes }) => sum + Math.max(1, routes.length), 0);
}

function checkSize(checks: Checks, { rules }: RouteSetMessage): void {
  const entries = entriesIn(rules);
  if (entries > ROUTES_MAX)
    checks.refuse("SCHEMA_INVALID", "rules", `${entries} routes; at most ${ROUTES_MAX} are allowed`);
}

function ruleOf(checks: Checks, field: string, { match, routes }: RuleMessage): Rule {
  const headers = Object.entries(match?.headers ?? {}).map(([name, value]): readonly [string, string] => [
    headerName(checks, `${field}.match.headers`, name),
    checks.text(`${field}.match.headers[${name}]`, value, HEADER_LENGTH_MAX),
  ]);
  const read = routes.map((route, index) => routeOf(checks, `${field}.routes[${index}]`, route));
  checkWeights(checks, `${field}.routes`, read);
  return { match: { headers: Object.fromEntries(headers) }, routes: sorted(read) };
}

/** Lower case, as HTTP/2 has it (RFC 9113, 8.2); characters of a token (RFC 9110, 5.6.2). */
function headerName(checks: Checks, field: string, name: string): string {
  const isToken = /^[!#$%&'*+.^_`|~0-9a-z-]{1,255}$/.test(name);
  if (!isToken) checks.refuse("FIELD_INVALID", field, "has a header name that is not a lower-case HTTP token");
  return name;
}

function routeOf(checks: Checks, field: string, { destination, weight, fallback }: RouteMessage): Route {
  return {
    destination: destinationOf(checks, `${field}.destination`, destination),
    weight: checks.weight(`${field}.weight`, weight, 1),
    fallback: fallback.length === 0 ? [] : splitOf(checks, `${field}.fallback`, fallback),
  };
}

function reachOf(checks: Checks, field: string, { destination, gateway, rttMs }: ReachMessage): Reach {
  return {
    destination: destinationOf(checks, `${field}.destination`, destination),
    rttMs: checks.amount(`${field}.rtt_ms`, rttMs),
    ...(gateway === undefined ? {} : { gateway: addressOf(checks, `${field}.gateway`, gateway) }),
  };
}

/** Reads a network address: host name or IP address and a port from 1. */
export function addressOf(checks: Checks, field: string, { address, port }: Address): GatewayAddress {
  if (!isHost(address)) checks.refuse("FIELD_INVALID", `${field}.address`, "is neither a host name nor an IP address");
  return { address, port: checks.integer(`${field}.port`, port, PORT) };
}

function checkWhole(checks: Checks, { rules, reaches, serves }: RouteSet): void {
  const last = rules.at(-1);
  // A cluster that only serves others, and has no callers of its own, has no rules at all.
  if (last !== undefined && Object.keys(last.match.headers).length > 0)
    checks.refuse("SCHEMA_INVALID", `rules[${rules.length - 1}]`, "is the last rule and does not match every request");
  const reachable = new DestinationSet();
  const doubled = reaches.find(({ destination }) => !reachable.add(destination));
  const twice = doubled === undefined ? repeated(serves) : keyOf(doubled.destination);
  if (twice !== undefined) checks.refuse("DUPLICATE_KEY", "reaches", `${twice} is named more than once`);
  const missing = firstMissing(rules, reachable);
  if (missing !== undefined)
    checks.refuse("UNKNOWN_DESTINATION", "reaches", `says nothing of how ${keyOf(missing)} is reached`);
}
