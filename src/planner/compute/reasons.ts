import { keyOf, WEIGHT_TOTAL } from "../../model/destination.ts";
import { slopeAt } from "../optimise/curve.ts";
import type { Unchosen, WeightReason } from "./computed.ts";
import type { Choice } from "./ladder.ts";
import type { Limits } from "./solve.ts";
import { demandOf, loadsOf } from "./subject.ts";
import type { Subject } from "./subject.ts";
import { rankAt } from "./turns.ts";
import type { Turn } from "./turns.ts";
import { dollars, ms, percent, rps } from "./wording.ts";

/** What one more request of a source costs at a destination, ms, by part. */
interface Cost {
  readonly to: number;
  readonly rttMs: number;
  /** The request's own time there, and what it adds to everybody else's. */
  readonly marginalMs: number;
  /** Price of the destination's limit. */
  readonly limitMs: number;
  readonly priceMs: number;
  /** What the policy adds for leaving the source's locality. */
  readonly crossingMs: number;
  readonly totalMs: number;
}

/** Explains the weights of one service. */
export interface Reasons {
  readonly of: (from: number, to: number) => readonly WeightReason[];
  readonly whyNot: (from: number, to: number) => Unchosen;
  /** Marginal latency and price of the limit of a destination, ms. */
  readonly marginalOf: (to: number) => { readonly marginalMs: number; readonly limitMs: number };
}

/** A destination is full from this share of its limit on: weights are rounded. */
const FULL = 0.999;

/** Where requests divide, costs are equal but for rounding: less than this is not worth a reason. */
const NOTICED_MS = 0.1;

/** Lays out why each weight is what it is, in numbers that can be checked against the rest of the answer. */
export function reasonsOf(choice: Choice, limits: Limits): Reasons {
  const facts = factsOf(choice, limits);
  return {
    of: (from, to) =>
      [
        policyReason(facts, from, to),
        failoverReason(facts, from, to),
        releaseReason(facts, from, to),
        costReason(facts, from, to),
        capacityReason(facts, to),
        priceReason(facts, from, to),
        localityReason(facts, from, to),
        roundingReason(facts, from, to),
        fallbackReason(facts),
      ].filter((reason) => reason !== undefined),
    whyNot: (from, to) => ({ destination: destinationOf(facts.subject, to), reason: whyNot(facts, from, to) }),
    marginalOf: facts.marginalOf,
  };
}

interface Facts {
  readonly choice: Choice;
  readonly subject: Subject;
  readonly loads: readonly number[];
  readonly limits: Limits;
  readonly marginalOf: Reasons["marginalOf"];
  readonly costOf: (from: number, to: number) => Cost;
  /** Destinations of the same version and turn that may serve the source, the cheapest first. */
  readonly peersOf: (from: number, to: number) => readonly Cost[];
}

function factsOf(choice: Choice, limits: Limits): Facts {
  const { subject, solution, division, rung } = choice;
  const loads = loadsOf(subject, division);
  const marginals = subject.destinations.map(({ cost }, to) => {
    const marginalMs = slopeAt(cost, loads[to] ?? 0);
    const isFull = (loads[to] ?? 0) >= FULL * (limits[to] ?? Infinity);
    return {
      marginalMs,
      limitMs: rung === "optimum" && isFull ? Math.max(0, (solution.pricesMs[to] ?? 0) - marginalMs) : 0,
    };
  });
  const marginalOf: Facts["marginalOf"] = (to) => marginals[to] ?? { marginalMs: 0, limitMs: 0 };
  const costOf: Facts["costOf"] = (from, to) => {
    const { rttMs = 0, priceMs = 0, crossingMs = 0 } = subject.ways[from]?.[to] ?? {};
    const { marginalMs, limitMs } = marginalOf(to);
    const totalMs = rttMs + marginalMs + limitMs + priceMs + crossingMs;
    return { to, rttMs, marginalMs, limitMs, priceMs, crossingMs, totalMs };
  };
  const known = new Map<string, readonly Cost[]>();
  const peersOf: Facts["peersOf"] = (from, to) => {
    const version = subject.destinations[to]?.version;
    const rank = rankAt(subject, from, to);
    const key = `${from}/${version}/${rank}`;
    const peers = known.get(key) ?? peersFrom(subject, { from, version, rank, costOf });
    known.set(key, peers);
    return peers;
  };
  return { choice, subject, loads, limits, marginalOf, costOf, peersOf };
}

interface Peerage extends Pick<Facts, "costOf"> {
  readonly from: number;
  readonly version: string | undefined;
  readonly rank: number;
}

function peersFrom(subject: Subject, { from, version, rank, costOf }: Peerage): readonly Cost[] {
  const isPeer = (other: string, to: number): boolean =>
    other === version && subject.exclusions[from]?.[to] === undefined && rankAt(subject, from, to) === rank;
  return subject.destinations
    .flatMap((site, to) => (isPeer(site.version, to) ? [costOf(from, to)] : []))
    .toSorted((a, b) => a.totalMs - b.totalMs || a.to - b.to);
}

/** What would cost less but may not serve this source, and a share that may not grow. */
function policyReason({ choice, subject, costOf }: Facts, from: number, to: number): WeightReason | undefined {
  const own = costOf(from, to);
  const cheaper = subject.destinations
    .flatMap(({ version }, other) => {
      const reason = subject.exclusions[from]?.[other];
      if (reason === undefined || version !== subject.destinations[to]?.version) return [];
      return [{ reason, cost: costOf(from, other) }];
    })
    .filter(({ cost }) => cost.totalMs < own.totalMs)
    .toSorted((a, b) => a.cost.totalMs - b.cost.totalMs);
  const { maxShare } = subject.service.policy;
  const isCapped = maxShare < 1 && (choice.weights[from]?.[to] ?? 0) >= maxShare * WEIGHT_TOTAL - 1;
  const parts = [
    ...(isCapped ? [`at most ${percent(maxShare)} of a source's requests go to one destination`] : []),
    ...cheaper
      .slice(0, 1)
      .map(({ reason, cost }) => `${nameOf(subject, cost.to)} would cost ${ms(cost.totalMs)}, but ${reason}`),
  ];
  if (parts.length === 0) return undefined;
  const isMesh = !isCapped && parts[0]?.includes("a route of this mesh takes") === true;
  return { kind: isMesh ? "destinations" : "policy", text: parts.join("; ") };
}

/** Its turn in the source's failover order. */
function failoverReason({ subject }: Facts, from: number, to: number): WeightReason | undefined {
  const turn = subject.turns[from]?.[to];
  return turn === undefined ? undefined : { kind: "failover", text: turnText(subject, from, turn) };
}

function turnText({ sources, service }: Subject, from: number, { tier, tiers, rank, healthyShare }: Turn): string {
  const place = `tier ${tier + 1} of ${tiers} of the failover order of ${sources[from]?.cluster ?? ""}`;
  const { healthyMin = 0 } = service.policy.failover ?? {};
  if (rank >= tiers)
    return `${place}, last in line: ${percent(healthyShare)} of it is healthy, less than ${percent(healthyMin)}`;
  return tier === 0 ? place : `${place}: takes what the healthy tiers before it have no room for`;
}

function releaseReason({ choice, subject }: Facts, from: number, to: number): WeightReason | undefined {
  const { versions, sources, destinations, service } = subject;
  if (versions.length === 1) return undefined;
  const version = destinations[to]?.version;
  const demandRps = sources[from]?.demandRps ?? 0;
  const sent = (choice.division[from] ?? []).reduce(
    (sum, amount, at) => sum + (destinations[at]?.version === version ? amount : 0),
    0,
  );
  const part = `${rps(sent)} (${percent(sent / demandRps)}) from here`;
  if (version === versions[0]) return { kind: "release", text: `${version} gets what other versions leave: ${part}` };
  const share = version === undefined ? 0 : (service.release?.shares[version] ?? 0);
  const most = service.release?.maxSourceShare ?? 1;
  const text = `${version} gets ${percent(share)} of all ${rps(demandOf(subject))}, of one source at most ${percent(most)}: ${part}, where it costs least`;
  return { kind: "release", text };
}

/** The sum of the parts, beside the next best. */
function costReason({ subject, costOf, peersOf }: Facts, from: number, to: number): WeightReason {
  const own = `one more request costs ${costText(costOf(from, to))}`;
  const next = peersOf(from, to).find((peer) => peer.to !== to);
  const alone = subject.turns[from]?.[to] === undefined ? "may serve it" : "is in its turn";
  if (next === undefined) return { kind: "cost", text: `${own}; nothing else ${alone}` };
  return { kind: "cost", text: `${own}; next best is ${nameOf(subject, next.to)} with ${costText(next)}` };
}

function costText({ rttMs, marginalMs, limitMs, priceMs, crossingMs, totalMs }: Cost): string {
  const parts = [
    `${ms(rttMs)} network`,
    `${ms(marginalMs)} marginal latency`,
    ...(limitMs > 0.005 ? [`${ms(limitMs)} for its limit`] : []),
    ...(priceMs > 0 ? [`${ms(priceMs)} price`] : []),
    ...(crossingMs > 0 ? [`${ms(crossingMs)} for leaving its locality (localityPenaltyMs)`] : []),
  ];
  return `${parts.join(" + ")} = ${ms(totalMs)}`;
}

function capacityReason({ subject, loads, limits, marginalOf }: Facts, to: number): WeightReason | undefined {
  const [load, limit, site] = [loads[to] ?? 0, limits[to] ?? Infinity, subject.destinations[to]];
  if (site === undefined || load < FULL * limit) return undefined;
  const isReserve = limit < site.limitRps * (1 - 1e-9);
  const { limitMs } = marginalOf(to);
  const why = isReserve
    ? `room is kept free for the loss of another cluster`
    : `${percent(limit / site.capacityRps)} of its capacity of ${rps(site.capacityRps)}`;
  const text = `${nameOf(subject, to)} is full: ${rps(load)} of ${rps(limit)} (${why}); each rps of room more would save ${ms(limitMs)}`;
  return { kind: isReserve ? "reserve" : "capacity", text };
}

/** Whether latency alone would choose another. */
function priceReason({ subject, costOf, peersOf }: Facts, from: number, to: number): WeightReason | undefined {
  const own = costOf(from, to);
  const rival = peersOf(from, to)
    .filter(
      (peer) => peer.to !== to && peer.priceMs > own.priceMs && peer.totalMs - peer.priceMs < own.totalMs - own.priceMs,
    )
    .toSorted((a, b) => a.totalMs - a.priceMs - (b.totalMs - b.priceMs))[0];
  if (rival === undefined) return undefined;
  const saved = own.totalMs - own.priceMs - (rival.totalMs - rival.priceMs);
  if (saved < NOTICED_MS) return undefined;
  const [rivalDollars, ownDollars] = [
    subject.ways[from]?.[rival.to]?.dollars ?? 0,
    subject.ways[from]?.[to]?.dollars ?? 0,
  ];
  const text = `${nameOf(subject, rival.to)} would save ${ms(saved)} of latency, but a request there costs ${dollars(rivalDollars - ownDollars)} more, which weighs ${ms(rival.priceMs - own.priceMs)}`;
  return { kind: "price", text };
}

/** Whether another would cost less, did it not lie elsewhere. */
function localityReason({ subject, costOf, peersOf }: Facts, from: number, to: number): WeightReason | undefined {
  const own = costOf(from, to);
  const bare = ({ totalMs, crossingMs }: Cost): number => totalMs - crossingMs;
  const [rival] = peersOf(from, to)
    .filter((peer) => peer.crossingMs > own.crossingMs && bare(peer) < bare(own) - NOTICED_MS)
    .toSorted((a, b) => bare(a) - bare(b));
  if (rival === undefined) return undefined;
  const saved = ms(bare(own) - bare(rival));
  const text = `${nameOf(subject, rival.to)} would save ${saved}, less than the ${ms(rival.crossingMs - own.crossingMs)} that leaving the locality has to save (localityPenaltyMs)`;
  return { kind: "locality", text };
}

function roundingReason({ choice, subject }: Facts, from: number, to: number): WeightReason | undefined {
  const demandRps = subject.sources[from]?.demandRps ?? 0;
  const exact = (choice.exact[from]?.[to] ?? 0) / demandRps;
  const weight = choice.weights[from]?.[to] ?? 0;
  if (Math.abs(exact * WEIGHT_TOTAL - weight) < 1e-6) return undefined;
  return {
    kind: "rounding",
    text: `${Number((exact * 100).toFixed(4))} % to whole basis points: ${percent(weight / WEIGHT_TOTAL)}`,
  };
}

function fallbackReason({ choice }: Facts): WeightReason | undefined {
  if (choice.rung === "optimum") return undefined;
  return { kind: "fallback", text: `${choice.rung} does better than what the search found` };
}

function whyNot({ choice, subject, costOf, peersOf }: Facts, from: number, to: number): string {
  const excluded = subject.exclusions[from]?.[to];
  if (excluded !== undefined) return excluded;
  const turn = subject.turns[from]?.[to];
  const isTurn = peersOf(from, to).some((peer) => (choice.division[from]?.[peer.to] ?? 0) > 0);
  if (turn !== undefined && !isTurn) return `is ${turnText(subject, from, turn)}`;
  const { destinations, versions } = subject;
  const best = peersOf(from, to)[0];
  if (destinations[to]?.version !== versions[0] && best?.to === to)
    return `its share of the release comes from sources where it costs less beside ${versions[0]}`;
  const own = `one more request would cost ${costText(costOf(from, to))}`;
  return best === undefined || best.to === to ? own : `${own}; ${nameOf(subject, best.to)} costs ${ms(best.totalMs)}`;
}

function destinationOf({ destinations }: Subject, to: number): Unchosen["destination"] {
  const { cluster = "" as never, version = "" as never } = destinations[to] ?? {};
  return { cluster, version };
}

function nameOf(subject: Subject, to: number): string {
  return keyOf(destinationOf(subject, to));
}
