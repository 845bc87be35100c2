import type { Command, Envelope, Proposal } from "../../src/model/command.ts";
import type { DestinationKey } from "../../src/model/destination.ts";
import { keyOf } from "../../src/model/destination.ts";
import type { FleetEvent, LogRecord } from "../../src/model/event.ts";
import { EMPTY_FLEET } from "../../src/model/fleet.ts";
import type { FleetState, ServiceState } from "../../src/model/fleet.ts";
import type { Actor, ClusterId, RouteSetHash, ServiceId, ShiftId, Version } from "../../src/model/ids.ts";
import type { Observed, ObservedCluster } from "../../src/model/observed.ts";
import type { RouteSet } from "../../src/model/plan.ts";
import type { Refusal } from "../../src/model/refusal.ts";
import { DEFAULT_PACE_POLICY, DEFAULT_REQUEST_POLICY } from "../../src/model/service.ts";
import type { ServiceSpec } from "../../src/model/service.ts";
import { DEFAULT_SETTINGS } from "../../src/model/settings.ts";
import type { Settings } from "../../src/model/settings.ts";
import { decide } from "../../src/planner/decide.ts";
import { dueServices } from "../../src/planner/due.ts";
import { evolve } from "../../src/planner/evolve.ts";
import { planServices } from "../../src/planner/plan.ts";
import { releasedSplit } from "../../src/planner/released.ts";
import { encodeRouteSet } from "../../src/wire/route-set.ts";

export const CHECKOUT = "shop/checkout" as ServiceId;
export const ANA = "operator:ana" as Actor;

/** A name without its brand, for tests. */
export function cluster(name: string): ClusterId {
  return name as ClusterId;
}

/** What a silent agent, a refusing one, or one on its own fallback looks like, by cluster. */
export type Troubles = Readonly<Record<string, Partial<ObservedCluster> | "silent">>;

/**
 * A planner without engine: decides, folds, plans and observes in one thread on a clock that the test turns. Its agents
 * apply at once what they are released and send what they were told, except for the troubles that the test names.
 */
export class Play {
  state: FleetState = EMPTY_FLEET;
  atMs = 1_000_000;
  readonly settings: Settings;
  readonly records: LogRecord[] = [];
  /** How long the leader has been collecting. */
  collectingForMs = 3_600_000;
  troubles: Troubles = {};

  constructor(settings: Partial<Settings> = {}) {
    this.settings = { ...DEFAULT_SETTINGS, ...settings };
  }

  /** Decides and folds; expects no refusal. Returns the events. */
  do(command: Command, envelope: Partial<Envelope> = {}): readonly FleetEvent[] {
    const decision = decide(this.state, this.#envelope(command, envelope), this.settings);
    if (!decision.ok)
      throw new Error(`${decision.refusal.code} ${decision.refusal.field}: ${decision.refusal.message}`);
    if (decision.value.length > 0) this.#commit(command, decision.value);
    return decision.value;
  }

  /** Decides and expects a refusal that changes nothing. */
  refuses(command: Command, envelope: Partial<Envelope> = {}): Refusal {
    const decision = decide(this.state, this.#envelope(command, envelope), this.settings);
    if (decision.ok) throw new Error(`accepted: ${JSON.stringify(decision.value)}`);
    return decision.refusal;
  }

  /** One turn of the engine's loop after `ms`: observe, tick, plan, propose. */
  turn(ms = 1_000): void {
    this.atMs += ms;
    this.do({ kind: "observe", observed: this.observed(), measured: { demandRps: {}, reported: {} } });
    this.do({ kind: "tick", observed: this.observed() });
    this.plan();
  }

  /** Turns until something holds, at most so often. */
  turnUntil(holds: (state: FleetState) => boolean, { ms = 1_000, turns = 200 } = {}): void {
    for (let turn = 0; turn < turns && !holds(this.state); turn += 1) this.turn(ms);
    if (!holds(this.state)) throw new Error(`the play never comes to this point in ${turns} turns`);
  }

  /** What the planning worker and the engine do with whatever is due. */
  plan(): void {
    const due = dueServices(this.state, this.observed(), this.settings);
    const plannings = planServices(this.state, due, this.settings);
    const routeSets: Record<RouteSetHash, RouteSet> = {};
    const proposals: Proposal[] = plannings.map(({ routeSets: values, splits: _splits, ...planning }) => {
      const hashes = Object.entries(values).map(([name, routeSet]) => {
        const { hash } = encodeRouteSet(routeSet);
        routeSets[hash] = routeSet;
        return [name, hash] as const;
      });
      const { inputsSequence, ...plan } = planning;
      return { plan: { ...plan, routeSets: Object.fromEntries(hashes) }, inputsSequence };
    });
    if (proposals.length === 0) return;
    this.do({ kind: "store-route-sets", routeSets });
    this.do({ kind: "propose", proposals, observed: this.observed() });
  }

  observed(): Observed {
    const names = [...this.state.clusters.keys()].toSorted();
    const clusters = names.flatMap((name) => {
      const trouble = this.troubles[name];
      return trouble === "silent" ? [] : [[name, { ...this.#wellObserved(name), ...trouble }] as const];
    });
    return { atMs: this.atMs, collectingForMs: this.collectingForMs, clusters: Object.fromEntries(clusters) };
  }

  service(name: ServiceId = CHECKOUT): ServiceState {
    const found = this.state.services.get(name);
    if (found === undefined) throw new Error(`no service ${name}`);
    return found;
  }

  cluster(name: string) {
    const found = this.state.clusters.get(cluster(name));
    if (found === undefined) throw new Error(`no cluster ${name}`);
    return found;
  }

  /** Weights released to a source, by destination. */
  weights(source: string): Readonly<Record<string, number>> {
    const split = releasedSplit(this.state, this.service(), cluster(source)) ?? [];
    return Object.fromEntries(split.map(({ destination, weight }) => [keyOf(destination), weight]));
  }

  #wellObserved(name: ClusterId): ObservedCluster {
    const services = [...this.state.services];
    const applied = services.flatMap(([id, { released }]) =>
      released[name] === undefined ? [] : [[id, released[name]]],
    );
    const traffic = services.map(([id, service]) => {
      const shares = (releasedSplit(this.state, service, name) ?? []).map(
        ({ destination, weight }): [DestinationKey, number] => [keyOf(destination), weight / 10_000],
      );
      const requests = 1_000;
      return [
        id,
        { requests, failures: 0, rps: 1_000, windowStartedAtMs: this.atMs, shares: Object.fromEntries(shares) },
      ];
    });
    return {
      silentForMs: 100,
      isStreamOpen: true,
      peersReaching: 2,
      peersFailing: 0,
      appliedHashes: Object.fromEntries(applied) as ObservedCluster["appliedHashes"],
      refusals: [],
      hasFallback: false,
      traffic: Object.fromEntries(traffic) as ObservedCluster["traffic"],
    };
  }

  #envelope(command: Command, envelope: Partial<Envelope>): Envelope {
    return { command, atMs: this.atMs, actor: ANA, requestId: "", requestDigest: "", ...envelope };
  }

  #commit(command: Command, events: readonly FleetEvent[]): void {
    const record: LogRecord = {
      sequence: this.state.sequence + 1,
      incarnation: this.state.incarnation,
      epoch: this.state.epoch,
      writer: "planner-a",
      nonce: `n${this.state.sequence + 1}`,
      atMs: this.atMs,
      actor: ANA,
      command,
      events,
    };
    this.records.push(record);
    this.state = evolve(this.state, record);
  }
}

/** SHA-256 of some token, made up. */
export function secretHash(name: string): string {
  return Buffer.from(name.padEnd(32, ".")).toString("hex").slice(0, 64);
}

export function aRegistration(name: string, atMs: number): Extract<Command, { kind: "register-cluster" }> {
  const spec = {
    cluster: cluster(name),
    region: "europe",
    labels: {},
    gateway: { address: `${name}.example`, port: 15_443 },
    rttMs: {},
  };
  return { kind: "register-cluster", spec, secretHash: secretHash(name), expiresAtMs: atMs + 3_600_000 };
}

/** Takes a cluster through its whole joining, until reports make it healthy. */
export function join(play: Play, ...names: readonly string[]): void {
  for (const name of names) {
    play.do(aRegistration(name, play.atMs));
    play.do({ kind: "redeem-token", secretHash: secretHash(name), uid: `uid-${name}`, serial: `0a-${name}` });
    play.do({ kind: "accept-cluster", cluster: cluster(name) });
    play.do(aGreeting(name));
  }
  play.turn();
}

export function aGreeting(
  name: string,
  change: Partial<Extract<Command, { kind: "greet-cluster" }>> = {},
): Extract<Command, { kind: "greet-cluster" }> {
  return {
    kind: "greet-cluster",
    cluster: cluster(name),
    uid: `uid-${name}`,
    serial: `0a-${name}`,
    features: ["weighted-split", "rendered-fallback"],
    ...change,
  };
}

export function aSpec(places: readonly string[], change: Partial<ServiceSpec> = {}): ServiceSpec {
  const deployments = places.map((place) => {
    const [name = "", version = "v1"] = place.split("/");
    return { cluster: cluster(name), version: version as Version, capacityRps: 1_000 };
  });
  return {
    service: CHECKOUT,
    protocol: "http",
    port: 8_080,
    stableVersion: "v1" as Version,
    deployments,
    demandRps: {},
    request: DEFAULT_REQUEST_POLICY,
    pace: DEFAULT_PACE_POLICY,
    ...change,
  };
}

/** Three clusters that serve checkout, everything settled. */
export function aSettledFleet(settings: Partial<Settings> = {}, change: Partial<ServiceSpec> = {}): Play {
  const play = new Play({ coldStartMs: 1_000, ...settings });
  play.do({ kind: "begin-term", holder: "planner-a", witnessedEpoch: 0, incarnationId: "life-1" });
  join(play, "ap-south", "eu-west", "us-east");
  const demandRps = Object.fromEntries(["ap-south", "eu-west", "us-east"].map((name) => [name, 200]));
  const spec = aSpec(["ap-south/v1", "eu-west/v1", "us-east/v1"], { demandRps, ...change });
  play.do({ kind: "apply-service", spec });
  play.turnUntil(() => isAtRest(play));
  return play;
}

/** Nothing is due and nothing is under way. */
export function isAtRest(play: Play): boolean {
  const service = play.service();
  return (
    service.rollout?.isSettled === true &&
    service.rollout.plan.isFinalStep &&
    service.inputsSequence <= service.plannedSequence
  );
}

export function aShift(
  weights: Readonly<Record<string, number>>,
  change: Partial<Extract<Command, { kind: "request-shift" }>> = {},
): Extract<Command, { kind: "request-shift" }> {
  const split = Object.entries(weights).map(([key, weight]) => {
    const [name = "", version = ""] = key.split("/");
    return { destination: { cluster: cluster(name), version: version as Version }, weight };
  });
  return {
    kind: "request-shift",
    shift: "s1" as ShiftId,
    service: CHECKOUT,
    sources: [cluster("us-east")],
    target: { kind: "split", split },
    reason: "drill",
    ...change,
  };
}
