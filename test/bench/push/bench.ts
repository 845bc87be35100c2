import { join } from "node:path";
import { waitFor } from "../../../deploy/demo/waiting.ts";
import type { Bench, Stage } from "../bench.ts";
import type { Calls } from "../calls.ts";
import type { Member } from "../crew.ts";
import { interleave } from "../interleave.ts";
import type { Rounds } from "../interleave.ts";
import { rowOf } from "../row.ts";
import type { Row } from "../row.ts";
import { median } from "../statistics.ts";
import { clusterNames } from "./fleet.ts";
import type { Audience, Opened, Population, PushRound } from "./planner.ts";

/** A changed route set to many agents beside the least that any broadcast with acknowledgements has to do. */
export const pushBench: Bench = {
  name: "push",
  about:
    "one changed route set for each agent, commit to last ack over mTLS / bare grpc-js broadcast of the same bytes",
  run,
};

const FEW = 100;
const MANY = 1_000;
/** Rounds until the files are there; the code of the push was compiled before. */
const FILES_WARM_UP = 3;
/** Streams over which memory is averaged. */
const STREAMS = 200;

async function run(stage: Stage): Promise<readonly Row[]> {
  const many = stage.isQuick ? 200 : MANY;
  return [
    ...(await comparePush(stage, { count: FEW, rounds: 15, warmUp: 30, files: FEW })),
    ...(await comparePush(stage, { count: many, rounds: 8, warmUp: 5, files: 0 })),
    await compareMemory(stage),
  ];
}

/** The two processes of one comparison. */
interface Pair {
  readonly planner: Member & Calls;
  readonly agents: Member & Calls;
  readonly opened: Opened;
  readonly folder: string;
}

interface Comparison {
  readonly count: number;
  readonly rounds: number;
  /** Until the code of both sides is compiled: some 3000 messages, measured; a planner that runs has sent more. */
  readonly warmUp: number;
  /** Agents that keep their plans in files besides; none: that price is not asked. */
  readonly files: number;
}

async function comparePush(stage: Stage, { count, rounds, warmUp, files }: Comparison): Promise<readonly Row[]> {
  const pair = await openPair(stage, { memory: count, files });
  try {
    stage.say(`${count} agents of each kind connect`);
    await connect(pair, { kind: "weir", clusters: clusterNames("memory", count) });
    await connect(pair, { kind: "bare", clusters: clusterNames("memory", count) });
    const audience = { keeping: "memory", count } as const;
    const timed = stage.isQuick ? { rounds: 3, warmUp: 2 } : { rounds, warmUp };
    const pushed = await interleave(
      {
        ours: async () => await pair.planner.call<PushRound>("weirRound", audience),
        rivals: async () => await pair.planner.call<PushRound>("bareRound", audience),
      },
      timed,
    );
    const bytes = pushed.rivals[0]?.bytes ?? 0;
    const row = rowOf({
      case: `${count} agents, ${bytes} bytes each: commit to last ack`,
      unit: "ms",
      atMost: 1.5,
      ...lastAcks(pushed),
    });
    const cpu = rowOf({ case: `${count} agents: planner's CPU time`, unit: "ms", ...cpuTimes(pushed) });
    return files === 0
      ? [row, cpu]
      : [row, cpu, ...(await comparePrices(stage, pair, { files, rounds: timed.rounds }))];
  } finally {
    await closePair(pair);
  }
}

/** What storing each plan on disk before it is applied costs. */
async function comparePrices(
  stage: Stage,
  pair: Pair,
  { files, rounds }: { readonly files: number; readonly rounds: number },
): Promise<readonly Row[]> {
  await connect(pair, { kind: "weir", clusters: clusterNames("files", files) });
  const rows: Row[] = [];
  for (const count of [1, files]) {
    stage.say(`price of fsync: ${count} of the agents`);
    const to = (keeping: Audience["keeping"]) => async () =>
      await pair.planner.call<PushRound>("weirRound", { keeping, count } satisfies Audience);
    const measured = await interleave({ ours: to("files"), rivals: to("memory") }, { rounds, warmUp: FILES_WARM_UP });
    const whose = count === 1 ? "1 agent" : `${count} agents on one disk`;
    rows.push(rowOf({ case: `${whose}: with fsync / kept in memory`, unit: "ms", ...lastAcks(measured) }));
  }
  return rows;
}

async function compareMemory(stage: Stage): Promise<Row> {
  stage.say(`memory of ${STREAMS} streams of each kind`);
  const value = await memoryPerStream(stage, "weir");
  const rival = await memoryPerStream(stage, "bare");
  return rowOf({ case: "planner's private memory per agent stream", unit: "KiB", value, rival });
}

async function memoryPerStream(stage: Stage, kind: "weir" | "bare"): Promise<number> {
  const pair = await openPair(stage, { memory: STREAMS, files: 0 });
  try {
    const before = await pair.planner.call<number>("memory");
    await connect(pair, { kind, clusters: clusterNames("memory", STREAMS) });
    const after = await pair.planner.call<number>("memory");
    return ((after - before) * 1_024) / STREAMS;
  } finally {
    await closePair(pair);
  }
}

let pairs = 0;

async function openPair(stage: Stage, population: Population): Promise<Pair> {
  pairs += 1;
  const folder = join(stage.folder, `plans-${pairs}`);
  const planner = stage.crew.startNode({
    name: `planner-${pairs}`,
    entry: join(import.meta.dirname, "planner.ts"),
    flags: ["--expose-gc"],
  });
  const agents = stage.crew.startNode({ name: `agents-${pairs}`, entry: join(import.meta.dirname, "agents.ts") });
  const opened = await planner.call<Opened>("open", { host: stage.address(1), folder: stage.folder, population });
  return { planner, agents, opened, folder };
}

async function connect(
  { planner, agents, opened, folder }: Pair,
  { kind, clusters }: { readonly kind: "weir" | "bare"; readonly clusters: readonly string[] },
): Promise<void> {
  const countNow = async (): Promise<number> =>
    (await planner.call<Record<"weir" | "bare", number>>("connected"))[kind];
  const before = await countNow();
  await agents.call("start", { kind, clusters, opened, folder });
  await waitFor(
    `${clusters.length} agents`,
    async () => ((await countNow()) >= before + clusters.length ? true : undefined),
    { timeoutMs: 60_000 },
  );
}

async function closePair({ planner, agents }: Pair): Promise<void> {
  await Promise.all([planner.kill("SIGKILL"), agents.kill("SIGKILL")]);
}

/** What one push costs the planner, whatever the agents make of it, which here all share one core. */
function cpuTimes({ ours, rivals }: Rounds<PushRound>): { readonly value: number; readonly rival: number } {
  const of = (rounds: readonly PushRound[]) => median(rounds.map(({ cpuMs }) => cpuMs));
  return { value: of(ours), rival: of(rivals) };
}

/** Median over the rounds of when the last agent had acknowledged. */
function lastAcks({ ours, rivals }: Rounds<PushRound>): { readonly value: number; readonly rival: number } {
  const of = (rounds: readonly PushRound[]) => median(rounds.map(({ timesMs }) => Math.max(...timesMs)));
  return { value: of(ours), rival: of(rivals) };
}
