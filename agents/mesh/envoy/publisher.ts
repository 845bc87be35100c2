import { performance } from "node:perf_hooks";
import type { AdsServer, Log } from "./ads-server.ts";
import type { Nack } from "./ads-subscription.ts";
import type { Inputs, Outcome, Settlement } from "./isolate.ts";
import { isolate } from "./isolate.ts";
import { KINDS } from "./render.ts";
import type { Site } from "./render-input.ts";
import type { Resource, Snapshot } from "./snapshot.ts";
import { createSealer } from "./sealer.ts";
import { resourcesIn, snapshotOf } from "./snapshot.ts";

export interface PublisherOptions {
  readonly site: Site;
  readonly server: Pick<AdsServer, "offer" | "standings">;
  /** Called whenever a proxy came, went or answered. */
  readonly changed: Set<() => void>;
  readonly envoys: number;
  readonly lingerMs: number;
  readonly log: Log;
}

/** Brings inputs to the proxies and waits for what they say. */
export interface Publisher {
  /** What the proxies have accepted so far. */
  accepted(): Inputs;
  settle(goal: Inputs, signal: AbortSignal): Promise<Settlement>;
  close(): void;
}

/** A publisher that has published nothing yet: proxies that connect get no answer, and keep what they have. */
export function createPublisher(options: PublisherOptions): Publisher {
  const { server, log } = options;
  const sealer = createSealer(options.site);
  const lingering = createLingering(options.lingerMs);
  let accepted: Inputs = new Map();
  let out: Snapshot | undefined;
  let timer: NodeJS.Timeout | undefined;

  const offer = (inputs: Inputs, tolerates: (nack: Nack) => boolean) => {
    out = sealer.seal([...inputs.values()]);
    server.offer({ snapshot: lingering.with(out), tolerates });
  };
  const retire = () => {
    clearTimeout(timer);
    const dueMs = lingering.dueMs();
    if (dueMs === undefined) return;
    timer = setTimeout(() => {
      if (out !== undefined) server.offer({ snapshot: lingering.with(out), tolerates: () => true });
      retire();
    }, dueMs).unref();
  };

  const settle = async (goal: Inputs, signal: AbortSignal): Promise<Settlement> => {
    if (goal.size === 0 && accepted.size > 0) {
      log("warn", "empty plan not published over a plan with services", { services: accepted.size });
      return { accepted, refused: new Map(), unanswered: [] };
    }
    // What is refused already, for reasons that this change did not bring, must not hold it up.
    const known = new Set(server.standings().flatMap(({ nacks }) => nacks.map(nackKey)));
    const tolerates = (nack: Nack) => known.has(nackKey(nack));
    const base = new Map([...accepted].filter(([service]) => goal.has(service)));
    const changed = new Map([...goal].filter(([service, input]) => base.get(service) !== input));
    const settlement = await isolate(base, changed, async (inputs) => {
      offer(inputs, tolerates);
      return await outcome({ ...options, tolerates, signal });
    });
    accepted = settlement.accepted;
    // Whoever connects later gets all of it, however much of it that one refuses.
    offer(withUnanswered(settlement, goal), () => true);
    lingering.settle(sealer.seal([...accepted.values()]));
    retire();
    return settlement;
  };
  return { accepted: () => accepted, settle, close: () => clearTimeout(timer) };
}

function withUnanswered({ accepted, unanswered }: Settlement, goal: Inputs): Inputs {
  const waiting = new Set(unanswered);
  return new Map([...accepted, ...[...goal].filter(([service]) => waiting.has(service))]);
}

function nackKey({ kind, message }: Nack): string {
  return `${kind} ${message}`;
}

interface Waiting extends Pick<PublisherOptions, "server" | "changed" | "envoys"> {
  readonly tolerates: (nack: Nack) => boolean;
  readonly signal: AbortSignal;
}

/** Waits until all proxies have answered, one refuses, or the time is up. */
async function outcome(waiting: Waiting): Promise<Outcome> {
  const { changed, signal } = waiting;
  return await new Promise((resolve) => {
    const look = () => {
      const found = judge(waiting);
      if (found === undefined) return;
      changed.delete(look);
      signal.removeEventListener("abort", look);
      resolve(found);
    };
    changed.add(look);
    signal.addEventListener("abort", look, { once: true });
    look();
  });
}

function judge({ server, envoys, tolerates, signal }: Waiting): Outcome | undefined {
  const standings = server.standings();
  const nacks = standings.flatMap((standing) => standing.nacks).filter((nack) => !tolerates(nack));
  if (nacks.length > 0) return { kind: "refused", nacks };
  const enough = standings.filter(({ isEnvoy }) => isEnvoy).length >= envoys;
  if (enough && standings.every(({ isSettled }) => isSettled)) return { kind: "accepted" };
  return signal.aborted ? { kind: "unanswered" } : undefined;
}

/** What was in force and is no more, kept out there for a while. */
interface Lingering {
  /** The snapshot together with what lingers. */
  with(snapshot: Snapshot): Snapshot;
  /** Makes `snapshot` what is in force; what only the one before had lingers from now on. */
  settle(snapshot: Snapshot): void;
  /** Time until the next of it may go, in ms; undefined when nothing lingers. */
  dueMs(): number | undefined;
}

function createLingering(lingerMs: number): Lingering {
  let settled: Snapshot = snapshotOf([]);
  const leaving = new Map<Resource, number>();
  return {
    with: (snapshot) => {
      const now = performance.now();
      const kept = [...leaving].filter(([, at]) => now - at < lingerMs).map(([resource]) => resource);
      const missing = [...missingIn(snapshot, kept), ...goneFrom(settled, snapshot)];
      return missing.length === 0 ? snapshot : snapshotOf([...missing, ...resourcesIn(snapshot)]);
    },
    settle: (snapshot) => {
      const now = performance.now();
      for (const resource of goneFrom(settled, snapshot)) leaving.set(resource, now);
      for (const [resource, at] of leaving) {
        if (snapshot[resource.kind].has(resource.name) || now - at >= lingerMs) leaving.delete(resource);
      }
      settled = snapshot;
    },
    dueMs: () => {
      const now = performance.now();
      const waits = [...leaving.values()].map((at) => at + lingerMs - now).filter((wait) => wait > 0);
      return waits.length === 0 ? undefined : Math.max(1, Math.ceil(Math.min(...waits)));
    },
  };
}

/** What was there and is no more, by its names. */
function goneFrom(before: Snapshot, after: Snapshot): readonly Resource[] {
  return KINDS.flatMap((kind) => (before[kind] === after[kind] ? [] : missingIn(after, before[kind].values())));
}

/** Those whose names the snapshot does not have. */
function missingIn(snapshot: Snapshot, resources: Iterable<Resource>): readonly Resource[] {
  const missing: Resource[] = [];
  for (const resource of resources) if (!snapshot[resource.kind].has(resource.name)) missing.push(resource);
  return missing;
}
