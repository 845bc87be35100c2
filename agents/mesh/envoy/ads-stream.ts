import type { Nack, Subscription } from "./ads-subscription.ts";
import {
  acknowledge,
  additions,
  forgetSent,
  markSent,
  noSubscription,
  reconsider,
  removals,
  standingNack,
  subscribe,
} from "./ads-subscription.ts";
import { readEnvoyCluster } from "./render-names.ts";
import type { Kind } from "./render.ts";
import { KINDS } from "./render.ts";
import type { Resource, Snapshot } from "./snapshot.ts";
import { TYPE_URLS } from "./snapshot.ts";

/** What a client says. */
export interface Request {
  readonly typeUrl: string;
  readonly names: readonly string[];
  readonly nonce: string;
  /** The client's words when it refuses the response that `nonce` names. */
  readonly refusal?: string;
}

/** What it is answered. */
export interface Response {
  readonly typeUrl: string;
  readonly nonce: string;
  readonly resources: readonly Resource[];
}

/** A snapshot with the refusals that are known already and must not hold up the rest. */
export interface Offer {
  readonly snapshot: Snapshot;
  readonly tolerates: (nack: Nack) => boolean;
}

/** How one client stands to the newest offer. */
export interface Standing {
  /** An Envoy, which takes everything; a proxyless client names what it wants. */
  readonly isEnvoy: boolean;
  /** Whether it has been told all of the offer and answered. */
  readonly isSettled: boolean;
  readonly nacks: readonly Nack[];
}

/**
 * One client's side of the protocol ("state of the world", all kinds on one ordered stream). It answers what is asked, one
 * response of a kind at a time, and brings a new snapshot in make-before-break order: clusters, their endpoints, listeners,
 * routes; and what is gone last, in the other direction. Listeners and routes wait for the acknowledgement of all before them. A
 * refusal stops the later steps, unless the offer tolerates it.
 */
export class AdsStream {
  readonly #send: (response: Response) => void;
  readonly #subscriptions: Readonly<Record<Kind, Subscription>>;
  #offer: Offer | undefined;
  #nonces = 0;
  #isSettled = false;

  constructor(send: (response: Response) => void) {
    this.#send = send;
    this.#subscriptions = {
      cluster: noSubscription("cluster"),
      endpoints: noSubscription("endpoints"),
      listener: noSubscription("listener"),
      route: noSubscription("route"),
    };
  }

  /** Makes `offer` what the client shall have from now on. */
  offer(offer: Offer): void {
    this.#offer = offer;
    for (const kind of KINDS) reconsider(this.#subscriptions[kind]);
    this.#advance();
  }

  /** Takes a request. One that answers an older response is void: the client will send another for the newer one. */
  receive(request: Request): void {
    const kind = KINDS.find((other) => TYPE_URLS[other] === request.typeUrl);
    // Kinds that we do not serve stay unanswered; the client keeps its watch.
    if (kind === undefined) return;
    const subscription = this.#subscriptions[kind];
    if (request.nonce !== "" && !this.#takes(subscription, request)) return;
    subscribe(subscription, request.names, this.#offer?.snapshot[kind]);
    this.#advance();
  }

  /** A later request with the nonce of a response that was acknowledged already only changes the names. */
  #takes(subscription: Subscription, { nonce, refusal }: Request): boolean {
    if (subscription.pending !== undefined) return acknowledge(subscription, nonce, refusal);
    return nonce.startsWith(`${subscription.kind}-`);
  }

  standing(): Standing {
    const all = KINDS.map((kind) => this.#subscriptions[kind]);
    const snapshot = this.#offer?.snapshot;
    return {
      isEnvoy: this.#subscriptions.listener.isWildcard || this.#subscriptions.cluster.isWildcard,
      isSettled: this.#isSettled,
      nacks: snapshot === undefined ? [] : all.flatMap((one) => standingNack(one, snapshot) ?? []),
    };
  }

  /** Names of the listeners that this client named: what a proxyless client dials. */
  dialled(): readonly string[] {
    return [...this.#subscriptions.listener.names];
  }

  #advance(): void {
    const offer = this.#offer;
    this.#isSettled = offer !== undefined && this.#isDone(offer);
  }

  /** Takes the next steps; true when none is left. */
  #isDone(offer: Offer): boolean {
    // Both at once: an Envoy acknowledges new envoyClusters only when it has their endpoints.
    const ready = (["cluster", "endpoints"] as const).map((kind) => this.#isStepDone(kind, offer));
    if (ready.includes(false)) return false;
    for (const kind of ["listener", "route"] as const) if (!this.#isStepDone(kind, offer)) return false;
    // First what callers see, then what that led to.
    return (["listener", "cluster"] as const).every((kind) => this.#isRemovalDone(kind, offer));
  }

  #isStepDone(kind: Kind, offer: Offer): boolean {
    const subscription = this.#subscriptions[kind];
    if (!subscription.isAsked) return !this.#mustAsk(kind);
    if (subscription.pending !== undefined) return false;
    const response = additions(subscription, offer.snapshot);
    if (response !== undefined) {
      this.#respond(subscription, response);
      return false;
    }
    return this.#mayGoOn(subscription, offer) && this.#hasAskedOn(subscription);
  }

  /** An Envoy asks for listeners only after its clusters are ready: until it has, there is more to come. */
  #mustAsk(kind: Kind): boolean {
    const { cluster, listener } = this.#subscriptions;
    return (
      (kind === "cluster" || kind === "listener") && (cluster.isWildcard || !(cluster.isAsked || listener.isAsked))
    );
  }

  #mayGoOn(subscription: Subscription, { snapshot, tolerates }: Offer): boolean {
    const nack = standingNack(subscription, snapshot);
    return nack === undefined || tolerates(nack);
  }

  /**
   * Whether an Envoy has asked for what its envoyClusters and listeners need. It does so just after it accepted them; until it
   * has the endpoints, a route that leads there would answer 503.
   */
  #hasAskedOn({ kind, isWildcard, nack, accepted }: Subscription): boolean {
    if (!isWildcard || nack !== undefined) return true;
    const { names } = kind === "cluster" ? this.#subscriptions.endpoints : this.#subscriptions.route;
    return [...accepted.keys()].every((name) => names.has(name) || isComplete(name));
  }

  #isRemovalDone(kind: Kind, { snapshot }: Offer): boolean {
    const subscription = this.#subscriptions[kind];
    if (subscription.pending !== undefined) return false;
    const response = removals(subscription, snapshot);
    if (response !== undefined) this.#respond(subscription, response);
    return response === undefined;
  }

  #respond(subscription: Subscription, resources: ReadonlyMap<string, Resource>): void {
    const { kind } = subscription;
    if (kind === "cluster") this.#resendEndpoints(subscription, resources);
    const nonce = `${kind}-${++this.#nonces}`;
    markSent(subscription, resources, nonce);
    this.#send({ typeUrl: TYPE_URLS[kind], nonce, resources: [...resources.values()] });
  }

  /** A changed envoyCluster waits for endpoints anew, though its client has them: it may not ask a second time. */
  #resendEndpoints({ sent }: Subscription, resources: ReadonlyMap<string, Resource>): void {
    const changed = new Set<string>();
    for (const [name, { version }] of resources) {
      if ((sent.get(name)?.version ?? version) !== version) changed.add(name);
    }
    forgetSent(this.#subscriptions.endpoints, changed);
  }
}

/** The envoyClusters that watch peers name their one endpoint themselves. */
function isComplete(name: string): boolean {
  return readEnvoyCluster(name)?.kind === "peer";
}
