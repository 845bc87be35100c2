import type { Kind } from "./render.ts";
import type { Resource, Snapshot } from "./snapshot.ts";

type Held = ReadonlyMap<string, Resource>;

/** A response that waits for its acknowledgement. */
interface Pending {
  readonly nonce: string;
  readonly resources: ReadonlyMap<string, Resource>;
}

/** A client's refusal of a response, with its own words. */
export interface Nack {
  readonly kind: Kind;
  readonly message: string;
  /** What the refused response held that the client had not accepted before. */
  readonly resources: readonly Resource[];
}

/** What one client has asked for, been sent and accepted, for one kind of resource. */
export interface Subscription {
  readonly kind: Kind;
  isAsked: boolean;
  isWildcard: boolean;
  names: ReadonlySet<string>;
  /** Names that were answered, be it that there is no such thing. Kept of kinds whose responses are complete. */
  answered: Set<string>;
  /** What the client holds or is about to. Never changed but replaced: the same map often stands for all of these and the snapshot. */
  sent: ReadonlyMap<string, Resource>;
  accepted: ReadonlyMap<string, Resource>;
  pending: Pending | undefined;
  nack: Nack | undefined;
}

/** Kinds whose responses are always complete, so that what is missing is deleted (xDS, "state of the world"). */
const IS_COMPLETE: Readonly<Record<Kind, boolean>> = { cluster: true, listener: true, endpoints: false, route: false };

/** A subscription before the client's first request. */
export function noSubscription(kind: Kind): Subscription {
  return {
    kind,
    isAsked: false,
    isWildcard: false,
    names: new Set(),
    answered: new Set(),
    sent: new Map(),
    accepted: new Map(),
    pending: undefined,
    nack: undefined,
  };
}

/**
 * Takes over the names of a request. No names at all mean everything, if none were ever named. `known` may have the same names: it
 * is those that are kept, so that thousands are not there twice.
 */
export function subscribe(subscription: Subscription, names: readonly string[], known: Held = new Map()): void {
  const isComplete = IS_COMPLETE[subscription.kind];
  const isFirst = !subscription.isAsked;
  subscription.isAsked = true;
  const named = names.filter((name) => name !== "*");
  if (named.length !== subscription.names.size || !named.every((name) => subscription.names.has(name)))
    subscription.names = new Set(named.map((name) => known.get(name)?.name ?? name));
  subscription.isWildcard =
    isComplete && (names.includes("*") || (names.length === 0 && (isFirst || subscription.isWildcard)));
  if (!subscription.isWildcard) forgetUnsubscribed(subscription);
}

/** Who subscribes anew must be answered anew. */
function forgetUnsubscribed(subscription: Subscription): void {
  const { names, answered, sent, accepted } = subscription;
  const isWanted = (name: string) => names.has(name);
  subscription.sent = keep(sent, isWanted);
  subscription.accepted = keep(accepted, isWanted);
  for (const name of answered) if (!names.has(name)) answered.delete(name);
}

function keep(held: Held, isKept: (name: string) => boolean): Held {
  return held.keys().every(isKept) ? held : new Map(held.entries().filter(([name]) => isKept(name)));
}

/** Makes a client be sent these again. */
export function forgetSent(subscription: Subscription, gone: ReadonlySet<string>): void {
  if (gone.size > 0) subscription.sent = keep(subscription.sent, (name) => !gone.has(name));
}

/** Both, with what is newer; the newer itself where there is nothing else. */
function joined(older: Held, newer: Held): Held {
  return older.keys().every((name) => newer.has(name)) ? newer : new Map([...older, ...newer]);
}

/** What of a snapshot this client shall have. */
export function wanted({ kind, isWildcard, names }: Subscription, snapshot: Snapshot): ReadonlyMap<string, Resource> {
  if (isWildcard) return snapshot.envoy[kind];
  const all = snapshot[kind];
  const found = new Map<string, Resource>();
  for (const name of names) {
    const resource = all.get(name);
    if (resource !== undefined) found.set(name, resource);
  }
  return found;
}

/**
 * The response that brings additions and changes, keeping what the client has besides; undefined when there is nothing to
 * add. Things that do not exist are said to be missing once, so that the client need not wait for its own timeout.
 */
export function additions(subscription: Subscription, snapshot: Snapshot): ReadonlyMap<string, Resource> | undefined {
  const { kind, sent } = subscription;
  const want = wanted(subscription, snapshot);
  const changed = changedIn(want, sent);
  if (!IS_COMPLETE[kind]) return changed.size === 0 ? undefined : changed;
  const isDue = changed.size > 0 || isUnanswered(subscription) || isRefusalObsolete(subscription, want);
  return isDue ? joined(sent, want) : undefined;
}

function changedIn(want: ReadonlyMap<string, Resource>, sent: ReadonlyMap<string, Resource>) {
  const changed = new Map<string, Resource>();
  for (const [name, resource] of want) if (sent.get(name)?.version !== resource.version) changed.set(name, resource);
  return changed;
}

function isUnanswered({ names, answered }: Subscription): boolean {
  for (const name of names) if (!answered.has(name)) return true;
  return false;
}

/** A client that refused something must hear that it is off the table. */
function isRefusalObsolete({ nack }: Subscription, want: ReadonlyMap<string, Resource>): boolean {
  if (nack === undefined) return false;
  return !nack.resources.some(({ name, version }) => want.get(name)?.version === version);
}

/** The refusal that still stands against what the client shall have. */
export function standingNack(subscription: Subscription, snapshot: Snapshot): Nack | undefined {
  if (subscription.nack === undefined) return undefined;
  return isRefusalObsolete(subscription, wanted(subscription, snapshot)) ? undefined : subscription.nack;
}

/** Forgets that the refused was sent, so that it is tried again, or withdrawn. */
export function reconsider(subscription: Subscription): void {
  const { nack, sent } = subscription;
  const refused = nack?.resources.filter(({ name, version }) => sent.get(name)?.version === version) ?? [];
  forgetSent(subscription, new Set(refused.map(({ name }) => name)));
}

/** The complete response without what is gone; undefined when nothing is. Never empty: that is no plan's meaning. */
export function removals(subscription: Subscription, snapshot: Snapshot): ReadonlyMap<string, Resource> | undefined {
  if (!IS_COMPLETE[subscription.kind]) return undefined;
  const want = wanted(subscription, snapshot);
  const isGone = [...subscription.sent.keys()].some((name) => !want.has(name));
  if (!isGone || (want.size === 0 && subscription.isWildcard)) return undefined;
  return want;
}

/** Notes that a response is on its way. */
export function markSent(subscription: Subscription, resources: ReadonlyMap<string, Resource>, nonce: string): void {
  subscription.pending = { nonce, resources };
  // The answer to this one says anew what the client thinks.
  subscription.nack = undefined;
  const isComplete = IS_COMPLETE[subscription.kind];
  subscription.sent = isComplete ? resources : joined(subscription.sent, resources);
  if (isComplete) for (const name of subscription.names) subscription.answered.add(name);
}

/** Notes what became of the response that `nonce` names; false for one that is no longer the newest. */
export function acknowledge(subscription: Subscription, nonce: string, refusal: string | undefined): boolean {
  const { pending, kind } = subscription;
  if (pending?.nonce !== nonce) return false;
  subscription.pending = undefined;
  if (refusal === undefined) {
    subscription.nack = undefined;
    subscription.accepted = IS_COMPLETE[kind] ? pending.resources : joined(subscription.accepted, pending.resources);
  } else {
    subscription.nack = { kind, message: refusal, resources: newIn(pending, subscription.accepted) };
  }
  return true;
}

function newIn({ resources }: Pending, accepted: ReadonlyMap<string, Resource>): readonly Resource[] {
  return [...resources.values()].filter(({ name, version }) => accepted.get(name)?.version !== version);
}
