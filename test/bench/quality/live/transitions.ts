import assert from "node:assert/strict";
import type { DocumentService, FleetDocument } from "../../../../src/model/fleet-document.ts";
import type { FleetState } from "../../../../src/model/fleet.ts";
import type { ClusterId } from "../../../../src/model/ids.ts";
import type { Urgency } from "../../../../src/model/plan.ts";
import { DEFAULT_SETTINGS } from "../../../../src/model/settings.ts";
import type { Settings } from "../../../../src/model/settings.ts";
import { randomFleet } from "../../../scenarios/random-fleet.ts";
import { seededRandom } from "../../../scenarios/seeded-random.ts";
import type { SeededRandom } from "../../../scenarios/seeded-random.ts";
import { capacityOf } from "../curve.ts";
import { liveService, serviceIn, splitsIn, takeStep, withCluster, withService } from "./live-service.ts";
import type { Splits } from "./live-service.ts";

/** What a fleet goes through. */
export type Happening = "demand" | "price" | "failure" | "recovery";

/** One change of splits, from one plan to the next. */
export interface Change {
  readonly before: Splits;
  readonly after: Splits;
  readonly urgency: Urgency;
}

/** What a happening led to: steps until the plan stood, and who asked for what and could serve what meanwhile. */
export interface Transition {
  readonly happening: Happening;
  readonly demandRps: Readonly<Record<string, number>>;
  /** By destination cluster; dead ones are missing: what is sent there fails whatever it is. */
  readonly capacityRps: Readonly<Record<string, number>>;
  readonly steps: readonly Change[];
  /** From where it stood to where it came to, at once. */
  readonly whole: Change;
}

/** How large a play is. */
export interface PlayOptions {
  readonly seed: number;
  readonly clusters: number;
  readonly services: number;
  /** Happenings of each service. */
  readonly happenings: number;
}

/** Most steps of a transition: one that takes more has no end. */
const STEPS_MAX = 60;

/** Demand may come to this share of what living destinations are filled to. */
const FULLEST = 0.92;

/** Demand, prices and clusters of single services change at random, and the live planner takes its steps. */
export function playTransitions(options: PlayOptions, settings: Settings = DEFAULT_SETTINGS): readonly Transition[] {
  const { seed, services, clusters } = options;
  const random = seededRandom(seed);
  const document = randomFleet({ seed, services, clusters, capacities: { kind: "arbitrary", low: 0.5, high: 0.75 } });
  return document.services.flatMap((service) => playService(document, service, { ...options, random, settings }));
}

interface Play extends PlayOptions {
  readonly random: SeededRandom;
  readonly settings: Settings;
}

function playService(document: FleetDocument, service: DocumentService, play: Play): readonly Transition[] {
  const { random, settings, happenings } = play;
  const capacities = Object.fromEntries(service.destinations.map(({ cluster, curve }) => [cluster, capacityOf(curve)]));
  let state = takeStep(withBytes(liveService(document, service)), settings).state;
  const found: Transition[] = [];
  for (let n = 0; n < happenings; n += 1) {
    const happening = pick(random, state, capacities);
    const happened = happen(happening, { state, random, settings, capacities });
    const steps = stepsFrom(happened, settings);
    found.push({
      happening,
      demandRps: demandIn(happened),
      capacityRps: livingCapacities(happened, capacities),
      steps: steps.changes,
      whole: { before: splitsIn(happened), after: splitsIn(steps.state), urgency: "routine" },
    });
    state = steps.state;
  }
  return found;
}

/** Bytes that make prices count: at the dearest a request weighs as much as 20 ms. */
const BYTES = 100_000;

/** Price of a gigabyte at most. */
const DEAREST_CENTS = 20;

function withBytes(state: FleetState): FleetState {
  return withService(state, { spec: { ...serviceIn(state).spec, bytesPerRequest: BYTES } });
}

function stepsFrom(happened: FleetState, settings: Settings) {
  const changes: Change[] = [];
  let state = happened;
  for (let n = 0; n < STEPS_MAX; n += 1) {
    const before = splitsIn(state);
    const step = takeStep(state, settings);
    ({ state } = step);
    if (step.isMove) changes.push({ before, after: splitsIn(state), urgency: step.planning.urgency });
    if (step.planning.isFinalStep) return { changes, state };
  }
  throw new Error(`a transition has no end in ${STEPS_MAX} steps`);
}

type Capacities = Readonly<Record<string, number>>;

function livingCapacities(state: FleetState, capacities: Capacities): Capacities {
  return Object.fromEntries(Object.entries(capacities).filter(([name]) => !isDead(state, name)));
}

function isDead({ clusters }: FleetState, name: string): boolean {
  return clusters.get(name as ClusterId)?.verdict === "dead";
}

/** What callers ask for; those of a dead cluster are not reckoned with. */
function demandIn(state: FleetState): Readonly<Record<string, number>> {
  const entries = Object.entries(serviceIn(state).demandRps);
  return Object.fromEntries(entries.map(([name, rps]) => [name, isDead(state, name) ? 0 : rps]));
}

function sumOf(values: Readonly<Record<string, number>>): number {
  return Object.values(values).reduce((sum, value) => sum + value, 0);
}

interface Scene {
  readonly state: FleetState;
  readonly random: SeededRandom;
  readonly settings: Settings;
  readonly capacities: Capacities;
}

/** Half of what happens is demand; at most one cluster is dead at a time. */
function pick(random: SeededRandom, state: FleetState, capacities: Capacities): Happening {
  const dice = random.even();
  if (dice < 0.5) return "demand";
  if (dice < 0.75) return "price";
  return Object.keys(capacities).some((name) => isDead(state, name)) ? "recovery" : "failure";
}

function happen(happening: Happening, scene: Scene): FleetState {
  const { state } = scene;
  switch (happening) {
    case "demand":
      return fitted(withService(state, { demandRps: otherDemand(scene) }), scene);
    case "price":
      return otherPrices(scene);
    case "failure":
      return fitted(failure(scene), scene);
    case "recovery":
      return Object.keys(scene.capacities)
        .filter((name) => isDead(state, name))
        .reduce((now, name) => withCluster(now, name as ClusterId, { verdict: "healthy" }), state);
    default:
      return happening satisfies never;
  }
}

/** Share of the sources that a change concerns. */
const CHANGED_SHARE = 0.3;

/** Three in ten sources ask for another amount, up to about twice or half. */
function otherDemand({ state, random }: Scene): Readonly<Record<string, number>> {
  const entries = Object.entries(serviceIn(state).demandRps).map(([name, rps]) => {
    return [name, random.even() < CHANGED_SHARE ? rps * Math.exp(0.4 * random.normal()) : rps] as const;
  });
  return Object.fromEntries(entries);
}

/** Some place that serves dies; where the rest has too little room for all, callers ask for less. */
function failure({ state, random, capacities }: Scene): FleetState {
  const [name] = random.some(Object.keys(capacities), 1);
  assert(name !== undefined, "a service is served somewhere");
  return withCluster(state, name as ClusterId, { verdict: "dead" });
}

/** Demand that no division could place within limits is scaled down: a fleet without room has no safe way anywhere. */
function fitted(state: FleetState, { settings, capacities }: Scene): FleetState {
  const room = sumOf(livingCapacities(state, capacities)) * settings.utilisationMax * FULLEST;
  const scale = Math.min(1, room / sumOf(demandIn(state)));
  const { demandRps } = serviceIn(state);
  const entries = Object.entries(demandRps).map(([name, rps]) => [name, rps * scale] as const);
  return scale === 1 ? state : withService(state, { demandRps: Object.fromEntries(entries) });
}

/** What it costs to send to each place that serves becomes anything up to twenty cents for three in ten sources. */
function otherPrices({ state, random, capacities }: Scene): FleetState {
  const names = [...state.clusters.keys()].filter(() => random.even() < CHANGED_SHARE);
  return names.reduce((now, name) => {
    const spec = now.clusters.get(name)?.spec;
    assert(spec !== undefined, "the cluster is there");
    const others = Object.keys(capacities).filter((other) => other !== name);
    const prices = others.map((other) => [other, random.whole(0, DEAREST_CENTS) / 100] as const);
    return withCluster(now, name, { spec: { ...spec, egressDollarsPerGb: Object.fromEntries(prices) } });
  }, state);
}
