import type { Doubt, LearnedCapacity, LearnedDestination, LearnedWork } from "../../model/learned.ts";
import type { Busy, Evidence, Latency } from "./evidence.ts";
import { isRaisable, loweredTo, raisedTo } from "./capacity.ts";
import type { Standing } from "./capacity.ts";
import { PROOF_FACTOR, ceilingOf, trustedCapacity } from "./trust.ts";
import { capacityByLatency, fitWork, latencyAt, VARIATION_MAX, waitsSpeakFor } from "./work.ts";
import type { Point } from "./work.ts";

/** What is kept in memory between rounds: lost with the leader, and learned again. */
export interface Recollection {
  /** Rounds that had something to say. */
  readonly rounds: number;
  /** Slow mean of the capacity that rounds showed, requests per second, and how many are in it. */
  readonly slow?: { readonly capacityRps: number; readonly rounds: number };
  /** Slow mean of how unsure rounds were of the capacity, as a share: a few looks alone may look surer than they are. */
  readonly error?: number;
  /** Latencies of the last rounds by load. */
  readonly points: readonly Point[];
}

export const NOTHING_RECALLED: Recollection = { rounds: 0, points: [] };

/** What a destination's cluster says of it, and what was declared. */
export interface Given {
  readonly readyEndpoints: number;
  /** Requests per second, the cluster's own word. */
  readonly claimedRps?: number;
  /** Declared capacity, requests per second. */
  readonly declaredRps?: number;
  readonly isCurveDeclared: boolean;
  /** Time of the round, ms. */
  readonly atMs: number;
}

/** What is known after a round. `learned` is the very value from before when nothing moved enough to be recorded. */
export interface Learned {
  readonly learned: LearnedDestination | undefined;
  readonly recalled: Recollection;
}

/** What a round is looked at with. */
export interface Context {
  readonly given: Given;
  readonly recalled: Recollection;
  /** How work is fitted: nearly all of the time that learning takes, for whoever counts. */
  readonly fit?: typeof fitWork;
}

interface Round extends Given {
  readonly fit: typeof fitWork;
  readonly evidence: Evidence;
  readonly before: LearnedDestination;
  readonly recalled: Recollection;
}

/** Points that a fit looks at. */
const POINTS_MAX = 6;

/**
 * What one round of reports teaches of one destination. The load is what callers sent, never what the destination says; its
 * utilisation moves the capacity down at once, and up only in steps, as far as callers proved, and only while they see no
 * longer waits than it allows.
 */
export function learnRound(
  before: LearnedDestination | undefined,
  evidence: Evidence,
  { given, recalled, fit = fitWork }: Context,
): Learned {
  const round: Round = { ...given, fit, evidence: lessSure(evidence, recalled), before: before ?? {}, recalled };
  const isDoubtNew = isContradicted(round);
  const doubt = isDoubtNew ? nextDoubt(round) : round.before.doubt;
  const capacity = given.declaredRps === undefined ? capacityAfter(round, isDoubtNew) : undefined;
  const provenRps = provenAfter(round, { isDoubtNew, capacity });
  const next: LearnedDestination = {
    ...round.before,
    ...(provenRps !== undefined && { provenRps }),
    ...(capacity !== undefined && { capacity, ...anchored(round, capacity) }),
    ...(doubt !== undefined && { doubt }),
  };
  const isFaded = capacity === undefined && isMistaken(round);
  const { work, points } = given.isCurveDeclared ? { work: undefined, points: [] } : workAfter(round, next);
  const kept = isFaded ? withoutCapacity(next) : next;
  const learned = work === undefined ? kept : { ...kept, work };
  const isSame = !isFaded && capacity === undefined && provenRps === undefined && !isDoubtNew && work === undefined;
  return { learned: isSame ? before : learned, recalled: { ...recollectionAfter(round, capacity), points } };
}

/** The median of few looks is less sure than their spread says, and few looks may lie close together by chance. */
const MEDIAN_ERROR = 1.25;

function lessSure(evidence: Evidence, { error = 0 }: Recollection): Evidence {
  const { busy } = evidence;
  if (busy === undefined) return evidence;
  return { ...evidence, busy: { ...busy, error: MEDIAN_ERROR * Math.max(busy.error, error) } };
}

/** Full so far by what was learned, and yet hardly busy: what was learned is of other times. */
const MISTAKEN_FILL = 0.5;

/**
 * Whether a capacity that was learned is refuted by a cluster that is full by it and says that it is hardly busy. So small a
 * utilisation teaches no other: what was first claimed counts again.
 */
function isMistaken(round: Round): boolean {
  const { evidence, before } = round;
  if (before.capacity === undefined || !evidence.isQuiet || isDoubted(round)) return false;
  return evidence.loadRps >= MISTAKEN_FILL * before.capacity.rps;
}

function withoutCapacity({ capacity: _mistaken, ...rest }: LearnedDestination): LearnedDestination {
  return rest;
}

/** What is left once nobody has been served for so long that what was learned of the work is of other times. */
export function withoutWork({ work: _old, ...rest }: LearnedDestination): LearnedDestination {
  return rest;
}

/** Where nobody ever said a capacity, the first that is learned is what later ones are measured by. */
function anchored({ before, atMs }: Round, { rps }: LearnedCapacity): Partial<LearnedDestination> {
  return before.anchorRps === undefined ? { anchorRps: rps, anchoredAtMs: atMs } : {};
}

function standingCapacity({ before, claimedRps, readyEndpoints, declaredRps }: Round): number | undefined {
  if (declaredRps !== undefined) return declaredRps;
  const reported = { readyEndpoints, ...(claimedRps !== undefined && { capacityRps: claimedRps }) };
  return trustedCapacity(before, reported)?.rps;
}

/** Longer waits than this share (and a little) beyond what was to be expected are not chance. */
const WORSE_SHARE = 0.02;
const WORSE_MS = 0.5;
/** The same for waits that no queue explains. */
const CONTRADICTED_SHARE = 0.1;
const CHANCE_DEVIATIONS = 3;

/** Whether callers wait longer than they would at the capacity that the destination claims; undefined: nothing to compare with. */
function isWorseThanClaimed({ evidence, before: { work } }: Round, claimRps: number): boolean | undefined {
  const { latency, loadRps } = evidence;
  if (work === undefined || latency === undefined || loadRps <= 0) return undefined;
  return (
    latency.ms > latencyAt(work, claimRps, loadRps) * (1 + WORSE_SHARE + CHANCE_DEVIATIONS * latency.error) + WORSE_MS
  );
}

function isDoubted({ before: { doubt }, atMs }: Round): boolean {
  return doubt !== undefined && atMs < doubt.untilMs;
}

/** A destination that is less busy than this has no reason to turn requests away. */
const BUSY_MIN = 0.9;

/**
 * Whether callers' experience and the cluster's word exclude each other: requests fail where there is said to be room, or wait
 * longer than any queue at that utilisation could make them. Then the word is wrong, or the work has changed. While one doubt
 * stands there is no second: if it does not get better with less load, load was not the reason.
 */
function isContradicted(round: Round): boolean {
  const { evidence, declaredRps } = round;
  const { busy, loadRps } = evidence;
  if (declaredRps !== undefined || busy === undefined || loadRps <= 0 || isDoubted(round)) return false;
  return isFailing(round) ? busy.utilisation < BUSY_MIN : waitsBeyondAnyQueue(round, busy);
}

function isFailing({ evidence }: Round): boolean {
  return evidence.servedShare < 1 - FAILED_SHARE_MAX;
}

function waitsBeyondAnyQueue({ evidence, before: { work } }: Round, { capacityRps }: Busy): boolean {
  const { latency, loadRps } = evidence;
  if (latency === undefined || work === undefined) return false;
  const heaviest = { ...work, squaredVariation: VARIATION_MAX };
  const longest = latencyAt(heaviest, Math.max(capacityRps, loadRps), loadRps);
  return latency.ms > longest * (1 + CONTRADICTED_SHARE + CHANCE_DEVIATIONS * latency.error) + WORSE_MS;
}

/** The first doubt stands for ten minutes, each further one twice as long, at most a day. */
const DOUBT_MS = 600_000;
const DOUBT_MS_MAX = 86_400_000;

function nextDoubt({ before: { doubt }, atMs }: Round): Doubt {
  const times = (doubt?.times ?? 0) + 1;
  return { times, untilMs: atMs + Math.min(DOUBT_MS_MAX, DOUBT_MS * 2 ** (times - 1)) };
}

/** Share of failed requests above which nobody was served well. */
const FAILED_SHARE_MAX = 0.02;

/** A capacity that moved enough to be recorded, or undefined. */
function capacityAfter(round: Round, isDoubtNew: boolean): LearnedCapacity | undefined {
  const standing = standingCapacity(round);
  const rps = isDoubtNew ? doubtedTo(round, standing) : movedTo(round, standing);
  if (rps === undefined) return undefined;
  const { evidence, claimedRps, readyEndpoints, recalled, before } = round;
  return {
    rps,
    ...(claimedRps !== undefined && { claimedRps }),
    readyEndpoints,
    loadRps: evidence.loadRps,
    utilisation: evidence.busy?.utilisation ?? 0,
    rounds: Math.max(recalled.rounds, before.capacity?.rounds ?? 0) + 1,
  };
}

/** Down to what callers had served, or to what their waits say; never below what they had served. */
function doubtedTo(round: Round, standing: number | undefined): number | undefined {
  const { evidence, before } = round;
  const { latency, loadRps } = evidence;
  const { work } = before;
  const byWaits = latency && work && capacityByLatency(work, { loadRps, latencyMs: latency.ms });
  const shown = isFailing(round) ? loadRps : Math.max(loadRps, byWaits ?? loadRps);
  return standing === undefined ? shown : Math.min(standing, shown);
}

/** Rounds before the first capacity is believed where nobody said any. */
const FIRST_ROUNDS = 2;

function movedTo(round: Round, standing: number | undefined): number | undefined {
  const { evidence, recalled } = round;
  const { busy, loadRps } = evidence;
  if (busy === undefined) return undefined;
  if (standing === undefined) return recalled.rounds + 1 < FIRST_ROUNDS ? undefined : busy.capacityRps;
  const worse = isWorseThanClaimed(round, Math.max(busy.capacityRps, loadRps));
  const at: Standing = { standingRps: standing, busy, ...(recalled.slow && { slow: recalled.slow }) };
  const lower = loweredTo(at);
  if (lower !== undefined) return lower;
  if (worse === true || isFailing(round) || isDoubted(round) || !isRaisable(at)) return undefined;
  // Against the word stands what was claimed at first: each step up makes the two easier to tell apart.
  const claimed = Math.min(standing, round.before.anchorRps ?? standing);
  const believed = waitsSpeakFor(pointsWith(round), [busy.capacityRps, claimed], round.fit);
  if (believed === claimed) return undefined;
  return raisedTo(at, { isConfirmed: believed !== undefined, mostRps: PROOF_FACTOR * loadRps });
}

/** A queue fuller than this waits for what the smallest error of load and capacity makes of it. */
const LEGIBLE_MAX = 0.95;

function pointsWith(round: Round): readonly Point[] {
  const { evidence, recalled } = round;
  const { latency, loadRps, busy } = evidence;
  const isLegible = !isFailing(round) && (busy?.utilisation ?? 0) <= LEGIBLE_MAX;
  if (latency === undefined || loadRps <= 0 || !isLegible) return recalled.points;
  return [...recalled.points, { loadRps, latencyMs: latency.ms, error: latency.error }].slice(-POINTS_MAX);
}

/** What callers proved is recorded where it lifts the ceiling by more than this share, or has to hold what was learned. */
const PROOF_BAND = 0.1;

interface Outcome {
  readonly isDoubtNew: boolean;
  readonly capacity: LearnedCapacity | undefined;
}

function provenAfter(round: Round, { isDoubtNew, capacity }: Outcome): number | undefined {
  const { evidence, before, recalled } = round;
  const { loadRps, busy } = evidence;
  if (isDoubtNew || isFailing(round) || before.anchorRps === undefined) return undefined;
  const ceilingRps = ceilingOf(before);
  if (capacity !== undefined && capacity.rps > ceilingRps) return loadRps;
  // The first latency may be of a full queue: it takes another to say that it was not.
  if (recalled.points.length === 0) return undefined;
  const claim = Math.max(loadRps, busy?.capacityRps ?? standingCapacity(round) ?? 0);
  if (isWorseThanClaimed(round, claim) !== false) return undefined;
  return PROOF_FACTOR * loadRps > ceilingRps * (1 + PROOF_BAND) ? loadRps : undefined;
}

/** Work is fitted anew when a latency is off by more than this share, and recorded when its latencies are off by more. */
const FORESEEN_BAND = 0.02;
const WORK_BAND = 0.05;

function workAfter(
  round: Round,
  next: LearnedDestination,
): { readonly work: LearnedWork | undefined; readonly points: readonly Point[] } {
  const { evidence, recalled, before } = round;
  const { latency, loadRps } = evidence;
  const capacityRps = fittingCapacity({ ...round, before: next });
  if (latency === undefined || loadRps <= 0 || capacityRps === undefined)
    return { work: undefined, points: recalled.points };
  const points = pointsWith(round);
  if (points === recalled.points) return { work: undefined, points };
  const seen = { capacityRps, loadRps, latency };
  if (before.work !== undefined && isForeseen(before.work, seen)) return { work: undefined, points };
  const work = round.fit(points, capacityRps)?.work;
  const isNews = work !== undefined && (before.work === undefined || areApart([before.work, work], seen));
  return { work: isNews ? work : undefined, points };
}

interface Seen {
  readonly capacityRps: number;
  readonly loadRps: number;
  readonly latency: Latency;
}

/** Whether what was known of the work says the latency that was seen: then there is nothing to learn. */
function isForeseen(work: LearnedWork, { capacityRps, loadRps, latency }: Seen): boolean {
  const expectedMs = latencyAt(work, capacityRps, loadRps);
  return Math.abs(latency.ms - expectedMs) <= (FORESEEN_BAND + latency.error) * Math.max(latency.ms, expectedMs);
}

/** Fills at which two kinds of work are told apart: a place half full and one as full as plans make it. */
const FILLS = [0.5, 0.9];

function areApart([was, is]: readonly [LearnedWork, LearnedWork], { capacityRps, latency }: Seen): boolean {
  const band = WORK_BAND + CHANCE_DEVIATIONS * latency.error;
  return FILLS.some((used) => {
    const [wasMs, isMs] = [
      latencyAt(was, capacityRps, used * capacityRps),
      latencyAt(is, capacityRps, used * capacityRps),
    ];
    return Math.abs(wasMs - isMs) > band * Math.max(wasMs, isMs);
  });
}

/** What work is fitted at: what utilisation says, unless it is doubted; then what the planner goes by. */
function fittingCapacity(round: Round): number | undefined {
  const { evidence, declaredRps } = round;
  const standing = standingCapacity(round);
  if (declaredRps !== undefined || evidence.busy === undefined || isDoubted(round)) return standing;
  return evidence.busy.capacityRps;
}

/** Weight of the newest round in the slow mean. */
const SLOW_WEIGHT = 0.2;

function recollectionAfter({ evidence, recalled }: Round, moved: LearnedCapacity | undefined): Recollection {
  const { busy } = evidence;
  const { points } = recalled;
  if (busy === undefined) return recalled;
  const { slow } = recalled;
  // What moved is followed anew.
  const capacityRps =
    moved !== undefined || slow === undefined
      ? busy.capacityRps
      : slow.capacityRps + SLOW_WEIGHT * (busy.capacityRps - slow.capacityRps);
  const rounds = moved !== undefined || slow === undefined ? 1 : slow.rounds + 1;
  const error = (1 - SLOW_WEIGHT) * (recalled.error ?? busy.error) + SLOW_WEIGHT * busy.error;
  return { rounds: recalled.rounds + 1, slow: { capacityRps, rounds }, error, points };
}
