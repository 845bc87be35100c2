import type { Command, Measured, Proposal } from "../model/command.ts";
import type { FleetState } from "../model/fleet.ts";
import type { ClusterId, RouteSetHash } from "../model/ids.ts";
import { compareNames } from "../model/ids.ts";
import type { Observed } from "../model/observed.ts";
import type { RouteSet } from "../model/plan.ts";
import type { ClusterReport } from "../model/report.ts";
import type { Settings } from "../model/settings.ts";
import type { Decider } from "./decider.ts";
import type { Ledger } from "./ledger.ts";
import { PLANNER_ACTOR } from "./ports.ts";
import type { Codec, EngineLog, PlanRun, PlanRunner } from "./ports.ts";
import type { Writer } from "./writer.ts";

/** What the leader's loop needs. */
export interface TickerParts {
  readonly decider: Decider;
  readonly settings: Settings;
  readonly codec: Codec;
  readonly runner: PlanRunner;
  readonly ledger: Ledger;
  readonly writer: Writer;
  readonly logger: EngineLog;
  readonly observed: () => Observed;
  readonly reports: () => ReadonlyMap<ClusterId, ClusterReport>;
}

const NOTHING_MEASURED: Measured = { demandRps: {}, reported: {} };

/** Most bytes of route sets in one record; twice this is what a NATS message holds by default. */
export const ROUTE_SETS_RECORD_BYTES_MAX = 512 * 1_024;

/**
 * What the leader does without being asked: folds reports into what is recorded, lets what is in flight take its next
 * step, and plans what is due, in a worker beside the loop, one run at a time.
 */
export class Ticker {
  readonly #parts: TickerParts;
  #isPlanning = false;

  constructor(parts: TickerParts) {
    this.#parts = parts;
  }

  /** One turn. Decisions that decide nothing append nothing. */
  async tick(signal: AbortSignal): Promise<void> {
    const { decider, settings, ledger } = this.#parts;
    // Verdicts may change because nothing comes any more, so that every turn looks, even without a new report.
    const measured = decider.measured(ledger.state, this.#parts.reports(), settings) ?? NOTHING_MEASURED;
    await this.#submit({ kind: "observe", observed: this.#parts.observed(), measured }, signal);
    await this.#submit({ kind: "tick", observed: this.#parts.observed() }, signal);
    if (!this.#isPlanning) void this.#planDue(signal);
  }

  async #planDue(signal: AbortSignal): Promise<void> {
    const { decider, settings, ledger, runner, logger } = this.#parts;
    const { state } = ledger;
    const observed = this.#parts.observed();
    this.#isPlanning = true;
    try {
      const due = decider.dueServices(state, observed, settings);
      if (due.length === 0) return;
      const run = await runner.plan(state, due, observed);
      const { withoutSearch: cause } = run;
      if (cause !== undefined) logger.warn({ cause, services: due.length }, "planned without a search for the optimum");
      if (!signal.aborted && this.#parts.writer.isLeading()) await this.#propose(run, signal);
    } catch (error) {
      // Nothing is lost: what is due stays due until a proposal is committed.
      if (!signal.aborted) logger.warn({ cause: String(error) }, "planning run failed");
    } finally {
      this.#isPlanning = false;
    }
  }

  /** Queues bytes and proposal together, so that no other command comes between them. */
  async #propose({ proposals, routeSets }: PlanRun, signal: AbortSignal): Promise<void> {
    if (proposals.length === 0) return;
    const { codec, ledger } = this.#parts;
    const observed = this.#parts.observed();
    const commands = batchesOf(proposals).flatMap((batch): readonly Command[] => {
      const chunks = chunksOf(missingFrom(ledger.state, namedIn(batch, routeSets)), codec);
      const storing = chunks.map((chunk) => ({ kind: "store-route-sets", routeSets: chunk }) as const);
      return [...storing, { kind: "propose", proposals: batch, observed }];
    });
    await Promise.all(commands.map((command) => this.#submit(command, signal)));
  }

  async #submit(command: Command, signal: AbortSignal): Promise<void> {
    const forwarded = { command, actor: PLANNER_ACTOR, requestId: "", requestDigest: "" };
    const answer = await this.#parts.writer.submit(forwarded, signal);
    if (answer.ok || answer.refusal.code === "NO_LEADER") return;
    this.#parts.logger.warn({ kind: command.kind, refusal: answer.refusal }, "own command refused");
  }
}

type RouteSets = Readonly<Record<RouteSetHash, RouteSet>>;

function namedIn(proposals: readonly Proposal[], routeSets: RouteSets): RouteSets {
  const hashes = new Set(proposals.flatMap(({ plan }) => Object.values(plan.routeSets)));
  return Object.fromEntries(Object.entries(routeSets).filter(([hash]) => hashes.has(hash as RouteSetHash)));
}

function missingFrom(state: FleetState, routeSets: RouteSets): readonly (readonly [RouteSetHash, RouteSet])[] {
  const entries = Object.entries(routeSets) as [RouteSetHash, RouteSet][];
  return entries.filter(([hash]) => !state.routeSets.has(hash)).toSorted(([a], [b]) => compareNames(a, b));
}

/** Splits route sets into records that stay under the limit; one that is larger by itself gets its own. */
function chunksOf(entries: readonly (readonly [RouteSetHash, RouteSet])[], codec: Codec): readonly RouteSets[] {
  const chunks: Record<RouteSetHash, RouteSet>[] = [];
  let room = 0;
  for (const [hash, routeSet] of entries) {
    const size = codec.encodeRouteSet(routeSet).bytes.length;
    let chunk = chunks.at(-1);
    if (chunk === undefined || size > room) {
      chunk = {};
      chunks.push(chunk);
      room = ROUTE_SETS_RECORD_BYTES_MAX;
    }
    chunk[hash] = routeSet;
    room -= size;
  }
  return chunks;
}

/** What one release adds to the record of a plan, in bytes: two names, a hash and what frames them. */
const RELEASE_BYTES_MAX = 384;

/** Splits proposals into records that stay under the limit; one that is larger by itself gets its own. */
function batchesOf(proposals: readonly Proposal[]): readonly (readonly Proposal[])[] {
  const batches: Proposal[][] = [];
  let room = 0;
  for (const proposal of proposals) {
    const { plan } = proposal;
    const size = JSON.stringify(plan).length + Object.keys(plan.routeSets).length * RELEASE_BYTES_MAX;
    let batch = batches.at(-1);
    if (batch === undefined || size > room) {
      batch = [];
      batches.push(batch);
      room = ROUTE_SETS_RECORD_BYTES_MAX;
    }
    batch.push(proposal);
    room -= size;
  }
  return batches;
}
