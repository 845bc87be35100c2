import type { Measured } from "../../model/command.ts";
import type { Destination, DestinationKey } from "../../model/destination.ts";
import { keyOf } from "../../model/destination.ts";
import type { FleetState, ServiceState } from "../../model/fleet.ts";
import { compareNames } from "../../model/ids.ts";
import type { ClusterId, ServiceId } from "../../model/ids.ts";
import type { LearnedDestination } from "../../model/learned.ts";
import type { ClusterReport, TrafficRow, WorkloadRow } from "../../model/report.ts";
import { declaredCapacity } from "../../model/service.ts";
import { knownRtt } from "../round-trip.ts";
import { windowOf } from "../observed.ts";
import { CallersBook, FRESH_MS, TIMED_REQUESTS_MIN } from "./book.ts";
import type { CallerWindow, Sent } from "./book.ts";
import { followDemand } from "./demand.ts";
import type { DemandTrend } from "./demand.ts";
import { learnRound, NOTHING_RECALLED, withoutWork } from "./destination.ts";
import type { Given, Recollection } from "./destination.ts";
import { evidenceIn } from "./evidence.ts";
import type { Look, Timed } from "./evidence.ts";
import { Ways } from "./ways.ts";
import { fitWork } from "./work.ts";

type Rows = { readonly traffic: readonly TrafficRow[]; readonly workloads: readonly WorkloadRow[] };

interface Subject {
  readonly state: FleetState;
  readonly service: ServiceState;
}

/** What is remembered of one destination between two rounds. */
interface Notebook {
  sinceMs: number;
  looks: Look[];
  timed: Timed[];
  /** When callers' load was looked at last, ms. */
  lookedAtMs: number;
  recalled: Recollection;
  /** When its latency was last known, ms. */
  timedAtMs: number;
}

/** What is remembered of one service. */
interface Pages {
  readonly callers: CallersBook;
  readonly demand: Map<ClusterId, DemandTrend>;
  readonly destinations: Map<DestinationKey, Notebook>;
  /** What of it is deployed, by what was declared of it. */
  spec?: ServiceState["spec"];
  deployed: ReadonlyMap<DestinationKey, Destination>;
  /** What was learned when its notebooks were last opened. */
  learned?: ServiceState["learned"];
  /** First row of each cluster's newest rows, to know them again: rows are replaced, never changed. */
  readonly seen: Map<string, object>;
}

interface DueRound {
  readonly name: ServiceId;
  readonly key: DestinationKey;
  readonly notebook: Notebook;
  readonly service: ServiceState;
}

/** One source's demand of a service, and the window that came last. */
export interface DemandNews {
  readonly service: ServiceId;
  readonly source: ClusterId;
  readonly trend: DemandTrend;
  readonly window: CallerWindow;
}

/** How rounds are looked at. */
export interface Rounds {
  readonly learnRoundMs: number;
  /** Fits of work after which no further round is looked at; undefined: none. A fit takes about a millisecond. */
  readonly fitsMax?: number;
}

type Learned = Pick<Measured, "learned" | "rttMs">;

/**
 * What the leader remembers of reports between records. It only gathers: what follows from it is decided by `learnRound` and
 * its like, and counts once it is recorded. A new leader begins with none of it, on what is recorded. Any order of the same
 * reports leads to the same.
 */
export class Learner {
  readonly #services = new Map<ServiceId, Pages>();
  readonly #ways = new Ways();
  readonly #reports = new Map<ClusterId, Rows>();
  readonly #heeded = new Map<ServiceId, Set<ClusterId>>();

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

  /**
   * Demands of which a window came since this was last asked, or of which one that was odd waits to be believed; by service and
   * source.
   */
  takeDemands(): readonly DemandNews[] {
    const news: DemandNews[] = [];
    for (const [service, sources] of [...this.#heeded].toSorted(([a], [b]) => compareNames(a, b))) {
      const pages = this.#services.get(service);
      for (const source of [...sources].toSorted(compareNames)) {
        const [trend, window] = [pages?.demand.get(source), pages?.callers.windows.get(source)];
        if (trend?.suspect === undefined) sources.delete(source);
        if (trend !== undefined && window !== undefined) news.push({ service, source, trend, window });
      }
      if (sources.size === 0) this.#heeded.delete(service);
    }
    return news;
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
    const rttMs = this.#ways.news(state);
    return {
      ...(Object.keys(learned).length > 0 && { learned }),
      ...(Object.keys(rttMs).length > 0 && { rttMs }),
    };
  }

  #dueRounds(state: FleetState, nowMs: number, roundMs: number): readonly DueRound[] {
    const due: DueRound[] = [];
    for (const [name, service] of state.services) {
      const pages = this.#pagesFor(name, service, nowMs);
      if (pages === undefined) continue;
      for (const [key, notebook] of pages.destinations)
        if (nowMs - notebook.sinceMs >= roundMs) due.push({ name, key, notebook, service });
    }
    return due.toSorted(
      (a, b) => a.notebook.sinceMs - b.notebook.sinceMs || compareNames(a.name, b.name) || compareNames(a.key, b.key),
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
      const empty = { demand: new Map(), destinations: new Map(), deployed: new Map(), seen: new Map() };
      pages = { callers: new CallersBook(), ...empty };
      this.#services.set(service, pages);
    }
    return pages;
  }

  /** What is remembered of a service, with a notebook for all of whose work something was learned: it may be forgotten. */
  #pagesFor(name: ServiceId, { learned }: ServiceState, nowMs: number): Pages | undefined {
    const before = this.#services.get(name);
    if (learned === undefined || before?.learned === learned) return before;
    const pages = this.#pagesOf(name);
    pages.learned = learned;
    for (const [key, { work }] of Object.entries(learned) as [DestinationKey, LearnedDestination][])
      if (work !== undefined) notebookOf(pages, key, nowMs);
    return pages;
  }

  #heedCallers(state: FleetState, report: ClusterReport): readonly CalledWindow[] {
    const windows: CalledWindow[] = [];
    for (const [name, rows] of this.#newRows(state, report.traffic, `sent ${report.cluster}`)) {
      const service = state.services.get(name);
      const { windowMs: lengthMs, receivedAtMs: endMs } = windowOf(report, name);
      const requests = rows.reduce((sum, row) => sum + row.requests, 0);
      if (service === undefined || lengthMs <= 0 || !Number.isFinite(requests)) continue;
      const pages = this.#pagesOf(name);
      const window = pages.callers.note(report.cluster, rows, { lengthMs, endMs, requests });
      pages.demand.set(report.cluster, followDemand(pages.demand.get(report.cluster), window));
      const heeded = this.#heeded.get(name) ?? new Set();
      this.#heeded.set(name, heeded.add(report.cluster));
      windows.push({ source: report.cluster, pages, service, window });
    }
    return windows;
  }

  /** Rows of known services that were not there the last time, by service. */
  #newRows<R extends { readonly service: ServiceId }>(
    state: FleetState,
    rows: readonly R[],
    name: string,
  ): ReadonlyMap<ServiceId, readonly R[]> {
    const found = new Map<ServiceId, R[] | undefined>();
    let [service, its]: [ServiceId | undefined, R[] | undefined] = [undefined, undefined];
    for (const row of rows) {
      if (row.service !== service) {
        service = row.service;
        if (!found.has(service)) {
          const isKnown = state.services.has(service) && isNewRow(this.#pagesOf(service), name, row);
          found.set(service, isKnown ? [] : undefined);
        }
        its = found.get(service);
      }
      its?.push(row);
    }
    return new Map([...found].flatMap(([key, list]) => (list === undefined ? [] : [[key, list] as const])));
  }

  /** What one window says of latencies and of ways. */
  #time({ source, pages, service, window }: CalledWindow, state: FleetState): void {
    for (const [key, sent] of window.sent) {
      const destination = deployedIn(pages, service).get(key);
      if (destination === undefined) continue;
      const at = { pages, state, service, key, nowMs: window.endMs };
      const notebook = notebookOf(pages, key, window.endMs);
      if (window.endMs - notebook.lookedAtMs >= LOOK_MS) this.#look(notebook, at);
      if (sent.latencyMs === undefined || sent.requests < TIMED_REQUESTS_MIN) continue;
      this.#ways.heed(source, { destination, sent, own: ownWindow(pages, destination, window.endMs) }, state);
      const rttMs = knownRtt(state, source, destination.cluster);
      if (rttMs === undefined || notebook.timed.length >= GATHERED_MAX) continue;
      notebook.timed.push({ requests: sent.requests, latencyMs: Math.max(0, sent.latencyMs - rttMs) });
    }
  }

  #look(notebook: Notebook, { pages, state, service, key, nowMs }: Place, utilisation?: number): void {
    if (utilisation === undefined) notebook.lookedAtMs = nowMs;
    const load = pages.callers.loadOf(key, nowMs, { state, service });
    if (load === undefined || notebook.looks.length >= GATHERED_MAX) return;
    notebook.looks.push({
      loadRps: load.servedRps,
      offeredRps: load.offeredRps,
      ...(utilisation !== undefined && { utilisation }),
    });
  }

  #heedWorkloads(state: FleetState, report: ClusterReport): void {
    for (const [name, rows] of this.#newRows(state, report.workloads, `runs ${report.cluster}`)) {
      const service = state.services.get(name);
      if (service === undefined) continue;
      const pages = this.#pagesOf(name);
      const nowMs = report.workloadSpans?.[name]?.receivedAtMs ?? report.receivedAtMs;
      for (const { version, utilisation } of rows) {
        const key = keyOf({ cluster: report.cluster, version });
        if (utilisation === undefined || !deployedIn(pages, service).has(key)) continue;
        this.#look(notebookOf(pages, key, nowMs), { pages, state, service, key, nowMs }, utilisation);
      }
    }
  }
}

/** Most looks and latencies of one round that are kept: a round of a minute has some four of each caller. */
const GATHERED_MAX = 512;

/** Callers' windows come one by one; the load that they make together is looked at no more often, ms. */
const LOOK_MS = 5_000;

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

/** What a cluster's own callers sent its destination lately. */
function ownWindow(pages: Pages, { cluster, version }: Destination, nowMs: number): Sent | undefined {
  const own = pages.callers.windows.get(cluster);
  if (own === undefined || nowMs - own.endMs > FRESH_MS) return undefined;
  return own.sent.get(keyOf({ cluster, version }));
}

function isNewRow({ seen }: Pages, name: string, first: object): boolean {
  if (seen.get(name) === first) return false;
  seen.set(name, first);
  return true;
}

function deployedIn(pages: Pages, { spec }: ServiceState): Pages["deployed"] {
  if (pages.spec !== spec) {
    pages.spec = spec;
    pages.deployed = new Map(
      spec.deployments.map(({ cluster, version }) => [keyOf({ cluster, version }), { cluster, version }]),
    );
  }
  return pages.deployed;
}

function notebookOf({ destinations }: Pages, key: DestinationKey, nowMs: number): Notebook {
  let notebook = destinations.get(key);
  if (notebook === undefined) {
    const gathered = { sinceMs: nowMs, looks: [], timed: [], lookedAtMs: -Infinity };
    notebook = { ...gathered, recalled: NOTHING_RECALLED, timedAtMs: nowMs };
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
  const evidence = evidenceIn(notebook);
  [notebook.sinceMs, notebook.looks, notebook.timed] = [nowMs, [], []];
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
