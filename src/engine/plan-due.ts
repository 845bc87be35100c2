import type { Command, Proposal } from "../model/command.ts";
import type { FleetState } from "../model/fleet.ts";
import type { RouteSetHash, ServiceId } from "../model/ids.ts";
import { compareNames } from "../model/ids.ts";
import type { Observed } from "../model/observed.ts";
import type { RouteSet } from "../model/plan.ts";
import type { Settings } from "../model/settings.ts";
import type { Decider } from "./decider.ts";
import type { Ledger } from "./ledger.ts";
import { planBatches } from "./plan-batches.ts";
import type { Clock, Codec, EngineLog, PlanRun, PlanRunner } from "./ports.ts";
import type { Writer } from "./writer.ts";

/** What planning beside the loop needs. */
export interface PlanDueParts {
  readonly clock: Clock;
  readonly codec: Codec;
  readonly decider: Pick<Decider, "dueServices">;
  readonly ledger: Ledger;
  readonly logger: EngineLog;
  readonly observed: () => Observed;
  readonly runner: PlanRunner;
  readonly settings: Settings;
  readonly submit: (command: Command, signal: AbortSignal) => Promise<void>;
  readonly writer: Pick<Writer, "isLeading">;
}

/** Most bytes of route sets in one record; twice this is what a NATS message holds by default. */
export const ROUTE_SETS_RECORD_BYTES_MAX = 512 * 1_024;

/** Runs after which what is due is looked up anew: what has become urgent meanwhile does not wait for a whole fleet. */
const RUNS_BETWEEN_LOOKS = 8;

/**
 * Plans everything that is due in a worker, a few services at a time and the most urgent first: while one run is committed
 * the next is computed. A service whose proposal led to nothing is left for the next time.
 */
export async function planDue(parts: PlanDueParts, signal: AbortSignal): Promise<void> {
  const { decider, ledger, settings } = parts;
  const tried = new Map<ServiceId, number | undefined>();
  for (;;) {
    const { state } = ledger;
    const inputsOf = (name: ServiceId): number | undefined => state.services.get(name)?.inputsSequence;
    const due = decider
      .dueServices(state, parts.observed(), settings)
      .filter((name) => !tried.has(name) || tried.get(name) !== inputsOf(name));
    if (due.length === 0) return;
    const batches = planBatches(state, due).slice(0, RUNS_BETWEEN_LOOKS);
    for (const name of batches.flat()) tried.set(name, inputsOf(name));
    // What became due meanwhile may be more urgent than what is left.
    if (!(await planInTurn(parts, batches, signal))) return;
  }
}

/** Computes a run while the one before it is committed. Returns whether there is any sense in going on. */
async function planInTurn(
  parts: PlanDueParts,
  batches: readonly (readonly ServiceId[])[],
  signal: AbortSignal,
): Promise<boolean> {
  const { ledger, runner, writer, logger } = parts;
  const start = async (services: readonly ServiceId[]): Promise<PlanRun> =>
    await runner.plan(ledger.state, services, parts.observed());
  let next = start(batches[0] ?? []);
  for (const [index, services] of batches.entries()) {
    const run = await next;
    if (signal.aborted || !writer.isLeading()) return false;
    const following = batches[index + 1];
    if (following !== undefined) {
      next = start(following);
      // Whoever awaits it hears of its failure; until then it is nobody's.
      next.catch(() => undefined);
    }
    const { withoutSearch: cause } = run;
    if (cause !== undefined)
      logger.warn({ cause, services: services.length }, "planned without a search for the optimum");
    // One run after the other: that is what keeps each short.
    await propose(parts, run, signal);
  }
  return !signal.aborted && writer.isLeading();
}

/** Commits the bytes first, for a plan may only name what is kept, and lets others in between the records. */
async function propose(
  parts: PlanDueParts,
  { proposals, routeSets, sizes }: PlanRun,
  signal: AbortSignal,
): Promise<void> {
  const { clock, codec, ledger } = parts;
  const sizeOf = (hash: RouteSetHash, routeSet: RouteSet): number =>
    sizes?.[hash] ?? codec.encodeRouteSet(routeSet).bytes.length;
  for (const batch of batchesOf(proposals)) {
    const chunks = chunksOf(missingFrom(ledger.state, namedIn(batch, routeSets)), sizeOf);
    const commands: readonly Command[] = [
      ...chunks.map((chunk) => ({ kind: "store-route-sets", routeSets: chunk }) as const),
      { kind: "propose", proposals: batch, observed: parts.observed() },
    ];
    for (const command of commands) {
      // In their order, each in a turn of its own.
      await clock.sleep(0, signal);
      await parts.submit(command, signal);
    }
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
function chunksOf(
  entries: readonly (readonly [RouteSetHash, RouteSet])[],
  sizeOf: (hash: RouteSetHash, routeSet: RouteSet) => number,
): readonly RouteSets[] {
  const chunks: Record<RouteSetHash, RouteSet>[] = [];
  let room = 0;
  for (const [hash, routeSet] of entries) {
    const size = sizeOf(hash, routeSet);
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
