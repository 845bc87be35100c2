import type { Measured } from "../../model/command.ts";
import type { Destination, DestinationKey } from "../../model/destination.ts";
import { destinationOf, keyOf } from "../../model/destination.ts";
import type { FleetState, ServiceState } from "../../model/fleet.ts";
import { compareNames } from "../../model/ids.ts";
import type { ClusterId, ServiceId } from "../../model/ids.ts";
import type { LearnedDestination } from "../../model/learned.ts";
import type { ClusterReport, TrafficRow, WorkloadRow } from "../../model/report.ts";
import { declaredCapacity } from "../../model/service.ts";
import { declaredRtt, knownRtt } from "../round-trip.ts";
import { windowOf } from "../observed.ts";
import { CallersBook, FRESH_MS } from "./book.ts";
import type { CallerWindow, Sent } from "./book.ts";
import { followDemand } from "./demand.ts";
import type { DemandTrend } from "./demand.ts";
import { learnRound, NOTHING_RECALLED, withoutWork } from "./destination.ts";
import type { Given, Recollection } from "./destination.ts";
import { evidenceIn } from "./evidence.ts";
import type { Gathered } from "./evidence.ts";
import { isRoundTripNews, NO_SAMPLES, roundTripOf, withSample } from "./round-trip.ts";
import type { PairSamples } from "./round-trip.ts";
import { fitWork } from "./work.ts";

type Rows = { readonly traffic: readonly TrafficRow[]; readonly workloads: readonly WorkloadRow[] };

interface Subject {
  readonly state: FleetState;
  readonly service: ServiceState;
}

/** What is remembered of one destination between two rounds. */
interface Notebook {
  gathered: Gathered;
  recalled: Recollection;
  /** When its latency was last known, ms. */
  timedAtMs: number;
}

/** What is remembered of one service. */
interface Pages {
  readonly callers: CallersBook;
  readonly demand: Map<ClusterId, DemandTrend>;
  readonly destinations: Map<DestinationKey, Notebook>;
  /** First row of each cluster's newest rows, to know them again: rows are replaced, never changed. */
  readonly seen: Map<string, object>;
}

interface DueRound {
  readonly name: ServiceId;
  readonly key: DestinationKey;
  readonly notebook: Notebook;
  readonly service: ServiceState;
}

/** How rounds are looked at. */
export interface Rounds {
  readonly learnRoundMs: number;
  /** Fits of work after which no further round is looked at; undefined: none. A fit takes about a millisecond. */
  readonly fitsMax?: number;
}

type Learned = Pick<Measured, "learned" | "rttMs">;

/** Fewer requests give no latency worth a sample. */
const TIMED_REQUESTS_MIN = 20;

/**
 * What the leader remembers of reports between records. It only gathers: what follows from it is decided by `learnRound` and
 * its like, and counts once it is recorded. A new leader begins with none of it, on what is recorded. Any order of the same
 * reports leads to the same.
 */
export class Learner {
  readonly #services = new Map<ServiceId, Pages>();
  readonly #pairs = new Map<string, { readonly a: ClusterId; readonly b: ClusterId; samples: PairSamples }>();
  readonly #reports = new Map<ClusterId, Rows>();

  /** Takes in what is new in the newest reports. Clusters that are no members teach nothing. */
  heed(state: FleetState, reports: ReadonlyMap<ClusterId, ClusterReport>): void {
    for (const service of this.#services.keys()) if (!state.services.has(service)) this.#services.delete(service);
    const news = [...reports.values()]
      .filter((report) => state.clusters.get(report.cluster)?.membership === "active" && this.#isNew(report))
      .toSorted((a, b) => compareNames(a.cluster, b.cluster));
    // All callers first: what a destination says is held against what they sent.
    const windows = news.flatMap((report) => this.#heedCallers(state, report));
    for (const window of windows) this.#time(window, state);
    for (const report of news) this.#heedWorkloads(state, report);
  }

  /** How a source's demand of a service develops; undefined: it never reported any. */
  demandOf(service: ServiceId, source: ClusterId): DemandTrend | undefined {
    return this.#services.get(service)?.demand.get(source);
  }

  /**
   * What the rounds that are over by now taught, where it is to be recorded. Each round is looked at once, the longest open
   * first, until so many fits of work were made: the others are a little longer.
   */
  learned(state: FleetState, nowMs: number, { learnRoundMs, fitsMax = Infinity }: Rounds): Learned {
    const learned: Record<ServiceId, Record<DestinationKey, LearnedDestination>> = {};
    let fits = 0;
    const fit: typeof fitWork = (points, capacityRps) => {
      fits += 1;
      return fitWork(points, capacityRps);
    };
    for (const { name, key, notebook, service } of this.#dueRounds(state, nowMs, learnRoundMs)) {
      if (fits >= fitsMax) break;
      const next = learnedNow(key, notebook, { service, nowMs, fit });
      if (next !== undefined) learned[name] = { ...learned[name], [key]: next };
    }
    const rttMs = this.#roundTrips(state);
    return {
      ...(Object.keys(learned).length > 0 && { learned }),
      ...(Object.keys(rttMs).length > 0 && { rttMs }),
    };
  }

  #dueRounds(state: FleetState, nowMs: number, roundMs: number): readonly DueRound[] {
    const due = [...state.services].flatMap(([name, service]) => {
      const pages = this.#pagesFor(name, service, nowMs);
      return [...(pages?.destinations ?? [])].flatMap(([key, notebook]) =>
        nowMs - notebook.gathered.sinceMs < roundMs ? [] : [{ name, key, notebook, service }],
      );
    });
    return due.toSorted(
      (a, b) =>
        a.notebook.gathered.sinceMs - b.notebook.gathered.sinceMs ||
        compareNames(a.name, b.name) ||
        compareNames(a.key, b.key),
    );
  }

  #isNew({ cluster, traffic, workloads }: ClusterReport): boolean {
    const before = this.#reports.get(cluster);
    if (before?.traffic === traffic && before.workloads === workloads) return false;
    this.#reports.set(cluster, { traffic, workloads });
    return true;
  }

  #pagesOf(service: ServiceId): Pages {
    let pages = this.#services.get(service);
    if (pages === undefined) {
      pages = { callers: new CallersBook(), demand: new Map(), destinations: new Map(), seen: new Map() };
      this.#services.set(service, pages);
    }
    return pages;
  }

  /** What is remembered of a service, with a place for all of which something was learned that may be forgotten. */
  #pagesFor(name: ServiceId, { learned = {} }: ServiceState, nowMs: number): Pages | undefined {
    const known = Object.entries(learned) as [DestinationKey, LearnedDestination][];
    const worked = known.filter(([, { work }]) => work !== undefined);
    if (worked.length === 0) return this.#services.get(name);
    const pages = this.#pagesOf(name);
    for (const [key] of worked) notebookOf(pages, key, nowMs);
    return pages;
  }

  #heedCallers(state: FleetState, report: ClusterReport): readonly CalledWindow[] {
    const windows: CalledWindow[] = [];
    for (const [name, rows] of Map.groupBy(report.traffic, ({ service }) => service)) {
      const service = state.services.get(name);
      const pages = service && this.#pagesOf(name);
      if (service === undefined || pages === undefined || isSeen(pages, `sent ${report.cluster}`, rows)) continue;
      const { windowMs: lengthMs, receivedAtMs: endMs } = windowOf(report, name);
      const requests = rows.reduce((sum, row) => sum + row.requests, 0);
      if (lengthMs <= 0 || !Number.isFinite(requests)) continue;
      const window = pages.callers.note(report.cluster, rows, { lengthMs, endMs });
      const before = pages.demand.get(report.cluster);
      pages.demand.set(report.cluster, followDemand(before, { requests, lengthMs, endMs }));
      windows.push({ source: report.cluster, pages, service, window });
    }
    return windows;
  }

  /** What one window says of latencies and of ways. */
  #time({ source, pages, service, window }: CalledWindow, state: FleetState): void {
    for (const [key, sent] of window.sent) {
      const destination = destinationOf(key);
      if (destination === undefined || !isDeployed(service, destination)) continue;
      const at = { pages, state, service, key, nowMs: window.endMs };
      this.#look(at);
      if (sent.latencyMs === undefined || sent.requests < TIMED_REQUESTS_MIN) continue;
      this.#sample(source, { destination, sent }, at);
      const rttMs = knownRtt(state, source, destination.cluster);
      if (rttMs === undefined) continue;
      const latencyMs = Math.max(0, sent.latencyMs - rttMs);
      const notebook = notebookOf(pages, key, window.endMs);
      const timed = [...notebook.gathered.timed, { requests: sent.requests, latencyMs }];
      notebook.gathered = { ...notebook.gathered, timed: timed.slice(-GATHERED_MAX) };
    }
  }

  #look({ pages, state, service, key, nowMs }: Place, utilisation?: number): void {
    const load = pages.callers.loadOf(key, nowMs, { state, service });
    if (load === undefined) return;
    const notebook = notebookOf(pages, key, nowMs);
    const look = {
      loadRps: load.servedRps,
      offeredRps: load.offeredRps,
      ...(utilisation !== undefined && { utilisation }),
    };
    notebook.gathered = { ...notebook.gathered, looks: [...notebook.gathered.looks, look].slice(-GATHERED_MAX) };
  }

  #sample(
    source: ClusterId,
    { destination, sent }: { readonly destination: Destination; readonly sent: Sent },
    { pages, state, key, nowMs }: Place,
  ): void {
    const { cluster } = destination;
    if (cluster === source || declaredRtt(state, source, cluster) !== undefined) return;
    const own = pages.callers.windows.get(cluster);
    const local = own?.sent.get(key);
    if (own === undefined || nowMs - own.endMs > FRESH_MS) return;
    if (local?.latencyMs === undefined || sent.latencyMs === undefined || local.requests < TIMED_REQUESTS_MIN) return;
    const [a, b] = source < cluster ? [source, cluster] : [cluster, source];
    const pair = this.#pairs.get(`${a} ${b}`) ?? { a, b, samples: NO_SAMPLES };
    pair.samples = withSample(pair.samples, { remoteMs: sent.latencyMs, localMs: local.latencyMs });
    this.#pairs.set(`${a} ${b}`, pair);
  }

  #heedWorkloads(state: FleetState, report: ClusterReport): void {
    for (const [name, rows] of Map.groupBy(report.workloads, ({ service }) => service)) {
      const service = state.services.get(name);
      const pages = service && this.#pagesOf(name);
      if (service === undefined || pages === undefined || isSeen(pages, `runs ${report.cluster}`, rows)) continue;
      const nowMs = report.workloadSpans?.[name]?.receivedAtMs ?? report.receivedAtMs;
      for (const { version, utilisation } of rows) {
        const destination = { cluster: report.cluster, version };
        if (utilisation === undefined || !isDeployed(service, destination)) continue;
        this.#look({ pages, state, service, key: keyOf(destination), nowMs }, utilisation);
      }
    }
  }

  #roundTrips(state: FleetState): Record<ClusterId, Record<ClusterId, number>> {
    const found: Record<ClusterId, Record<ClusterId, number>> = {};
    const pairs = [...this.#pairs].toSorted(([a], [b]) => compareNames(a, b));
    for (const [, { a, b, samples }] of pairs) {
      const rttMs = roundTripOf(samples);
      const recorded = state.clusters.get(a);
      if (rttMs === undefined || recorded === undefined || !state.clusters.has(b)) continue;
      if (declaredRtt(state, a, b) !== undefined || !isRoundTripNews(recorded.learnedRttMs?.[b], rttMs)) continue;
      found[a] = { ...found[a], [b]: rttMs };
    }
    return found;
  }
}

/** Most looks of one round that are kept: a round of a minute has some four of each caller. */
const GATHERED_MAX = 512;

interface CalledWindow extends Pick<Subject, "service"> {
  readonly source: ClusterId;
  readonly pages: Pages;
  readonly window: CallerWindow;
}

interface Place extends Subject {
  readonly pages: Pages;
  readonly key: DestinationKey;
  readonly nowMs: number;
}

function isSeen({ seen }: Pages, name: string, [first]: readonly object[]): boolean {
  if (first === undefined || seen.get(name) === first) return true;
  seen.set(name, first);
  return false;
}

function isDeployed({ spec }: ServiceState, { cluster, version }: Destination): boolean {
  return spec.deployments.some((found) => found.cluster === cluster && found.version === version);
}

function notebookOf({ destinations }: Pages, key: DestinationKey, nowMs: number): Notebook {
  let notebook = destinations.get(key);
  if (notebook === undefined) {
    const gathered = { sinceMs: nowMs, looks: [], timed: [] };
    notebook = { gathered, recalled: NOTHING_RECALLED, timedAtMs: nowMs };
    destinations.set(key, notebook);
  }
  return notebook;
}

/**
 * Whose latency nobody has seen for so long is taken to work as usual again, ms: what was slow once would otherwise never be
 * tried again, and so never be seen to have recovered.
 */
const FORGET_MS = 600_000;

interface Now {
  readonly service: ServiceState;
  readonly nowMs: number;
  readonly fit: typeof fitWork;
}

/** Closes a destination's round, and says what is to be recorded. */
function learnedNow(
  key: DestinationKey,
  notebook: Notebook,
  { service, nowMs, fit }: Now,
): LearnedDestination | undefined {
  const { gathered } = notebook;
  const evidence = evidenceIn(gathered);
  notebook.gathered = { sinceMs: nowMs, looks: [], timed: [] };
  const given = givenOf(key, service, nowMs);
  const before = service.learned?.[key];
  if (evidence?.latency !== undefined) notebook.timedAtMs = nowMs;
  if (before?.work !== undefined && nowMs - notebook.timedAtMs >= FORGET_MS) {
    notebook.recalled = { ...notebook.recalled, points: [] };
    return withoutWork(before);
  }
  if (evidence === undefined || given === undefined) return undefined;
  const { learned, recalled } = learnRound(before, evidence, { given, recalled: notebook.recalled, fit });
  notebook.recalled = recalled;
  return learned === before ? undefined : learned;
}

function givenOf(key: DestinationKey, { spec, reported }: ServiceState, atMs: number): Given | undefined {
  const deployment = spec.deployments.find((found) => keyOf(found) === key);
  if (deployment === undefined) return undefined;
  const declaredRps = declaredCapacity(deployment);
  const { readyEndpoints = 0, capacityRps: claimedRps } = reported[key] ?? {};
  return {
    readyEndpoints,
    ...(claimedRps !== undefined && { claimedRps }),
    ...(declaredRps !== undefined && { declaredRps }),
    isCurveDeclared: deployment.curve !== undefined,
    atMs,
  };
}
