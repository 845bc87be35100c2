import { RetryScope } from "../../proto/gen/weir/v1/plan_pb.ts";
import type { GatewayAddress } from "../model/cluster.ts";
import { DestinationSet, firstMissing } from "../model/destination-set.ts";
import { compareDestinations, WEIGHT_TOTAL } from "../model/destination.ts";
import type { Destination, Split, Weighted } from "../model/destination.ts";
import type { ClusterId, ServiceId, Version } from "../model/ids.ts";
import { badName, badServiceName } from "../model/names.ts";
import type { Match, Reach, Route, RouteSet, Rule } from "../model/plan.ts";
import { DEFAULT_REQUEST_POLICY } from "../model/service.ts";
import type { RequestPolicy } from "../model/service.ts";
import { CanonicalBytes } from "./canonical-bytes.ts";
import { MessageTable, NameTable } from "./name-table.ts";
import { isHost, PORT } from "./host.ts";
import { RETRIES_MAX, TIMEOUT_MS_MAX } from "./request-policy.ts";
import { PROTOCOL_WORDS, RETRY_SCOPE_WORDS } from "./words.ts";

/** Slots for names of each kind: more than one cluster has of any but services. */
const SLOTS = 4_096;

const LABELS = new NameTable(SLOTS, (text) => badName(text) === undefined);
const DESTINATIONS = new MessageTable<Destination>(SLOTS);
const SERVICES = new NameTable(SLOTS, (text) => badServiceName(text) === undefined);
const ADDRESSES = new NameTable(SLOTS, isHost);

/** Tags of the fields that are read here, by message: field number * 8 + wire type. */
const TAG = {
  routeSet: {
    service: 0x0a,
    cluster: 0x12,
    protocol: 0x18,
    port: 0x20,
    rule: 0x2a,
    reach: 0x32,
    serves: 0x3a,
    request: 0x42,
  },
  rule: { match: 0x0a, route: 0x12 },
  weighted: { destination: 0x0a, weight: 0x10, fallback: 0x1a },
  destination: { cluster: 0x0a, version: 0x12 },
  reach: { destination: 0x0a, gateway: 0x12, rttMs: 0x19 },
  address: { address: 0x0a, port: 0x10 },
  request: { connectTimeoutMs: 0x08, perTryTimeoutMs: 0x10, requestTimeoutMs: 0x18, retries: 0x20, retryScope: 0x28 },
} as const;

/**
 * Reads a route set in one pass over its bytes, if they are canonical, it holds by itself, and no rule asks for headers;
 * undefined otherwise, which says nothing against it. What it gives is what the general reader would give: that one
 * says what is wrong, and this one is what every cluster waits for when a plan changes.
 */
export function readCanonicalRouteSet(bytes: Uint8Array): RouteSet | undefined {
  const from = new CanonicalBytes(bytes);
  const routeSet: RouteSet = {
    service: from.name<ServiceId>(TAG.routeSet.service, SERVICES),
    cluster: from.name<ClusterId>(TAG.routeSet.cluster, LABELS),
    protocol: wordIn(from, PROTOCOL_WORDS.words, from.number(TAG.routeSet.protocol)) ?? "http",
    port: inRange(from, from.number(TAG.routeSet.port), PORT),
    rules: rulesIn(from),
    reaches: reachesIn(from),
    serves: servesIn(from),
    request: requestIn(from),
  };
  if (from.isOdd() || !isReachable(routeSet)) return undefined;
  return routeSet;
}

/** One value for all: route sets are held by the thousand. */
const EVERYTHING: Match = { headers: {} };
const NOWHERE: Split = [];

// Lists that grew have room to grow on; what is kept is a copy of the right size.

function rulesIn(from: CanonicalBytes): readonly Rule[] {
  const rules: Rule[] = [];
  while (from.sees(TAG.routeSet.rule)) {
    const outer = from.enter(TAG.routeSet.rule);
    // Only a match without headers, which is empty, is read here.
    if (from.sees(TAG.rule.match)) from.leave(from.enter(TAG.rule.match));
    const routes: Route[] = [];
    while (from.sees(TAG.rule.route)) routes.push(routeIn(from));
    checkSplit(from, routes);
    from.leave(outer);
    rules.push({ match: EVERYTHING, routes: routes.slice() });
  }
  return rules.slice();
}

function routeIn(from: CanonicalBytes): Route {
  const outer = from.enter(TAG.rule.route);
  const destination = destinationIn(from);
  const weight = from.number(TAG.weighted.weight);
  const fallback: Weighted[] = [];
  while (from.sees(TAG.weighted.fallback)) fallback.push(shareIn(from));
  if (fallback.length > 0) checkSplit(from, fallback);
  from.leave(outer);
  return { destination, weight, fallback: fallback.length === 0 ? NOWHERE : fallback.slice() };
}

function shareIn(from: CanonicalBytes): Weighted {
  const outer = from.enter(TAG.weighted.fallback);
  const destination = destinationIn(from);
  const weight = from.number(TAG.weighted.weight);
  from.leave(outer);
  return { destination, weight };
}

/** The field has number 1 wherever a destination stands. */
function destinationIn(from: CanonicalBytes): Destination {
  return from.message(TAG.weighted.destination, DESTINATIONS, fieldsOfDestination);
}

function fieldsOfDestination(from: CanonicalBytes): Destination {
  const cluster = from.name<ClusterId>(TAG.destination.cluster, LABELS);
  const version = from.name<Version>(TAG.destination.version, LABELS);
  return { cluster, version };
}

/** Sorted, each destination once, none without weight, 10 000 in all. */
function checkSplit(from: CanonicalBytes, split: readonly Weighted[]): void {
  let sum = 0;
  let before: Destination | undefined;
  for (const { destination, weight } of split) {
    if (weight === 0 || (before !== undefined && compareDestinations(before, destination) >= 0)) from.refuse();
    sum += weight;
    before = destination;
  }
  if (sum !== WEIGHT_TOTAL) from.refuse();
}

function reachesIn(from: CanonicalBytes): readonly Reach[] {
  const reaches: Reach[] = [];
  let before: Destination | undefined;
  while (from.sees(TAG.routeSet.reach)) {
    const reach = reachIn(from);
    if (before !== undefined && compareDestinations(before, reach.destination) >= 0) from.refuse();
    before = reach.destination;
    reaches.push(reach);
  }
  return reaches.slice();
}

function reachIn(from: CanonicalBytes): Reach {
  const outer = from.enter(TAG.routeSet.reach);
  const destination = destinationIn(from);
  const gateway = from.sees(TAG.reach.gateway) ? addressIn(from) : undefined;
  // -0 is 0 as well.
  const rttMs = from.doubleOrZero(TAG.reach.rttMs) + 0;
  if (!Number.isFinite(rttMs) || rttMs < 0) from.refuse();
  from.leave(outer);
  return gateway === undefined ? { destination, rttMs } : { destination, rttMs, gateway };
}

function addressIn(from: CanonicalBytes): GatewayAddress {
  const outer = from.enter(TAG.reach.gateway);
  const address = from.name(TAG.address.address, ADDRESSES);
  const port = inRange(from, from.number(TAG.address.port), PORT);
  from.leave(outer);
  return { address, port };
}

function servesIn(from: CanonicalBytes): readonly Version[] {
  const serves: Version[] = [];
  while (from.sees(TAG.routeSet.serves)) {
    const version = from.name<Version>(TAG.routeSet.serves, LABELS);
    if (serves.includes(version)) from.refuse();
    serves.push(version);
  }
  return serves.slice();
}

function requestIn(from: CanonicalBytes): RequestPolicy {
  if (!from.sees(TAG.routeSet.request)) return DEFAULT_REQUEST_POLICY;
  const outer = from.enter(TAG.routeSet.request);
  const timeoutIn = (name: "connectTimeoutMs" | "perTryTimeoutMs" | "requestTimeoutMs"): number =>
    inRange(from, from.numberOrZero(TAG.request[name]) || DEFAULT_REQUEST_POLICY[name], {
      min: 1,
      max: TIMEOUT_MS_MAX,
    });
  const policy: RequestPolicy = {
    connectTimeoutMs: timeoutIn("connectTimeoutMs"),
    perTryTimeoutMs: timeoutIn("perTryTimeoutMs"),
    requestTimeoutMs: timeoutIn("requestTimeoutMs"),
    retries: from.sees(TAG.request.retries)
      ? inRange(from, from.number(TAG.request.retries), { min: 0, max: RETRIES_MAX })
      : DEFAULT_REQUEST_POLICY.retries,
    retryScope:
      wordIn(
        from,
        RETRY_SCOPE_WORDS.words,
        from.sees(TAG.request.retryScope) ? from.number(TAG.request.retryScope) : RetryScope.UNSPECIFIED,
      ) ?? DEFAULT_REQUEST_POLICY.retryScope,
  };
  from.leave(outer);
  return policy;
}

function inRange(
  from: CanonicalBytes,
  value: number,
  { min, max }: { readonly min: number; readonly max: number },
): number {
  if (value < min || value > max) from.refuse();
  return value;
}

function wordIn<T>(from: CanonicalBytes, words: ReadonlyMap<number, T>, value: number): T | undefined {
  const word = words.get(value);
  if (word === undefined) from.refuse();
  return word;
}

function isReachable({ rules, reaches }: RouteSet): boolean {
  const known = new DestinationSet();
  for (const { destination } of reaches) known.add(destination);
  return firstMissing(rules, known) === undefined;
}
