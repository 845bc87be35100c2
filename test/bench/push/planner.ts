import { pause } from "../../../deploy/demo/waiting.ts";
import { deltaOf } from "../../../src/io/grpc/push/delta.ts";
import { createRouteSetBytes } from "../../../src/io/grpc/push/route-set-bytes.ts";
import { wantedBy } from "../../../src/io/grpc/push/wanted.ts";
import type { FleetEvent } from "../../../src/model/event.ts";
import type { ClusterId } from "../../../src/model/ids.ts";
import { acknowledgementBytes } from "../../../src/wire/stream-bytes.ts";
import { answerCalls } from "../calls.ts";
import { settledPrivateMiB } from "../memory.ts";
import { openBenchPlanner } from "../planner/planner.ts";
import type { BenchPlanner } from "../planner/planner.ts";
import { BareServer } from "./bare-server.ts";
import type { FleetKeys } from "../fleet-keys.ts";
import { CHANGING, clusterNames, planEvents, SERVICES, serviceEvents } from "./fleet.ts";
import type { Keeping } from "./fleet.ts";

/** How many agents keep their plans where. */
export type Population = Readonly<Record<Keeping, number>>;

/** What agents have to know. */
export interface Opened {
  readonly weir: string;
  readonly bare: string;
  readonly keys: FleetKeys;
  /** What a bare agent answers: as many bytes as a real acknowledgement has. */
  readonly acknowledgement: Buffer;
}

/** Whom one round goes to: the first `count` agents that keep their plans so. */
export interface Audience {
  readonly keeping: Keeping;
  readonly count: number;
}

/** One round: how long each acknowledgement took, ms, and the bytes of one message. */
export interface PushRound {
  readonly timesMs: readonly number[];
  readonly bytes: number;
  /** Time that this process computed for it, ms. */
  readonly cpuMs: number;
}

/** A round that takes longer has lost an agent. */
const LATE_MS = 30_000;

const bare = new BareServer();
let planner: BenchPlanner | undefined;
let names: Readonly<Record<Keeping, readonly string[]>> = { memory: [], files: [] };
let rounds = 0;

/** The process of both servers: Weir's and the bare one. */
answerCalls({
  async open({ host, folder, population }: { host: string; folder: string; population: Population }): Promise<Opened> {
    const all = (["memory", "files"] as const).map((keeping) => clusterNames(keeping, population[keeping]));
    const bus = { urls: [], mint: async () => ({ credentials: "", expiresAtMs: Date.now() + 3_600_000 }) };
    planner = await openBenchPlanner({ host, folder, clusters: all.flat(), bus });
    planner.engine.commit(serviceEvents());
    for (const clusters of all)
      commitPlan(planner, planEvents(clusters, { count: clusters.length, services: SERVICES, round: 0 }));
    names = { memory: all[0] ?? [], files: all[1] ?? [] };
    const port = await bare.listen(host, planner.keys);
    return { weir: planner.address, bare: `${host}:${port}`, keys: planner.keys, acknowledgement: anAcknowledgement() };
  },
  async connected() {
    return { weir: planner?.pusher.clusters().length ?? 0, bare: bare.connected };
  },
  async weirRound(audience: Audience): Promise<PushRound> {
    const { engine, pusher, onAcknowledged } = opened();
    rounds += 1;
    const { stored, released } = planEvents(names[audience.keeping], {
      count: audience.count,
      services: [CHANGING],
      round: rounds,
    });
    engine.commit([stored]);
    clearPreparation();
    const timesMs: number[] = [];
    const cpu = process.cpuUsage();
    await new Promise<void>((resolve, reject) => {
      const late = setTimeout(
        () =>
          reject(
            new Error(`${timesMs.length} of ${audience.count} acknowledged, ${pusher.clusters().length} connected`),
          ),
        LATE_MS,
      );
      const startedAt = performance.now();
      onAcknowledged(() => {
        timesMs.push(performance.now() - startedAt);
        if (timesMs.length < audience.count) return;
        clearTimeout(late);
        resolve();
      });
      engine.commit(released);
    });
    return { timesMs, bytes: 0, cpuMs: cpuMsSince(cpu) };
  },
  /** The bytes that the last round of Weir's sent, to the same agents. */
  async bareRound({ keeping, count }: Audience): Promise<PushRound> {
    const messages = new Map(names[keeping].slice(0, count).map((name) => [name, messageFor(name)]));
    const [first] = messages.values();
    await pause(0);
    clearPreparation();
    const cpu = process.cpuUsage();
    const timesMs = await bare.broadcast(messages);
    return { timesMs, bytes: first?.length ?? 0, cpuMs: cpuMsSince(cpu) };
  },
  async memory() {
    return await settledPrivateMiB();
  },
});

/**
 * What the bench itself left over when it made up the plan or the messages is collected before the clock starts, for
 * both sides: the preparations differ, and neither belongs to the push. What a push leaves over is collected as it comes.
 */
function clearPreparation(): void {
  globalThis.gc?.();
}

function cpuMsSince(before: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000;
}

function opened(): BenchPlanner {
  if (planner === undefined) throw new Error("open comes first");
  return planner;
}

function commitPlan({ engine }: BenchPlanner, plan: { stored: FleetEvent; released: readonly FleetEvent[] }): void {
  engine.commit([plan.stored]);
  engine.commit(plan.released);
}

const bytesOf = createRouteSetBytes();

/** The delta with one changed route set that Weir sends to this agent. */
function messageFor(cluster: string): Buffer {
  const state = opened().engine.state();
  const wanted = wantedBy(state, cluster as ClusterId);
  const known = new Map(
    [...wanted.hashes].map(([service, hash]) => [service, service === CHANGING ? "" : hash] as const),
  );
  return deltaOf({ known, wanted, rulings: [] }, { state, bytesOf }).bytes;
}

function anAcknowledgement(): Buffer {
  const position = { incarnation: { generation: 1, id: "bench" }, epoch: 1, revision: 10 };
  return acknowledgementBytes({ position, digest: new Uint8Array(32).fill(1), refusals: [] }).bytes;
}
