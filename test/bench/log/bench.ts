import { jetstream, jetstreamManager, StorageType } from "@nats-io/jetstream";
import { connect } from "nats";
import type { NatsConnection } from "nats";
import { openLog } from "../../../src/io/nats/log.ts";
import type { Log } from "../../../src/engine/ports.ts";
import { foundBus } from "../../../src/io/nats/accounts.ts";
import { connectPlanner } from "../../../src/io/nats/connect.ts";
import type { Bench, Stage } from "../bench.ts";
import { startEngine } from "./engine.ts";
import { interleave } from "../interleave.ts";
import { startNats } from "../nats-server.ts";
import { rowOf } from "../row.ts";
import type { Row } from "../row.ts";
import { median, percentile } from "../statistics.ts";

/** Appending to Weir's log beside publishing to a bare stream of the same server, file storage synced on every write. */
export const logBench: Bench = {
  name: "log",
  about: "append to Weir's log / bare JetStream publish with expected sequence, every write synced to disk",
  run,
};

/** Bytes of one record: a decision, and a record full of route sets. */
const SIZES = [
  { label: "1 KiB", bytes: 1_024, appends: 100 },
  { label: "64 KiB", bytes: 65_536, appends: 25 },
] as const;

/** Commands of one round. */
const COMMANDS = 50;

const RIVAL_STREAM = "BARE";

/** Appends `bytes` after `sequence` and returns the sequence it got. */
type Append = (bytes: Uint8Array, sequence: number) => Promise<number>;

interface Round {
  readonly latenciesMs: readonly number[];
  readonly tookMs: number;
}

async function run(stage: Stage): Promise<readonly Row[]> {
  const url = await startNats(stage, { host: stage.address(1) });
  const planner = await connectPlanner({ servers: [url], name: "bench" });
  const bare = await connect({ servers: [url] });
  try {
    const log = await openLog(planner, { replicas: 1, newIncarnationId: "bench" }, AbortSignal.timeout(10_000));
    const ours = new Writer(appendToLog(log));
    const rivals = new Writer(await appendToBareStream(bare));
    const rows: Row[] = [];
    for (const size of SIZES) {
      stage.say(`records of ${size.label}`);
      // Sizes share the server.
      rows.push(...(await compare(stage, { size, ours, rivals })));
    }
    rows.push(await compareEngine(stage, rivals));
    return rows;
  } finally {
    await Promise.all([planner.close(), bare.close()]);
  }
}

async function compare(
  stage: Stage,
  { size, ours, rivals }: { size: (typeof SIZES)[number]; ours: Writer; rivals: Writer },
): Promise<readonly Row[]> {
  const plan = { rounds: stage.isQuick ? 4 : 20, warmUp: 2 };
  const measured = await interleave(
    { ours: async () => await ours.round(size), rivals: async () => await rivals.round(size) },
    plan,
  );
  const of = (rounds: readonly Round[]) => rounds.flatMap(({ latenciesMs }) => latenciesMs);
  const rate = (rounds: readonly Round[]) =>
    median(rounds.map(({ latenciesMs, tookMs }) => (latenciesMs.length * 1_000) / tookMs));
  const both = <T>(read: (rounds: readonly Round[]) => T): { value: T; rival: T } => ({
    value: read(measured.ours),
    rival: read(measured.rivals),
  });
  return [
    rowOf({ case: `append ${size.label}, p50`, unit: "ms", atMost: 1.3, ...both((r) => median(of(r))) }),
    rowOf({ case: `append ${size.label}, p99`, unit: "ms", ...both((r) => percentile(of(r), 99)) }),
    rowOf({
      case: `append ${size.label}, one after the other`,
      unit: "appends/s",
      better: "higher",
      atMost: 1.3,
      ...both(rate),
    }),
  ];
}

/** A whole command: decided, appended, folded. Beside it the same bytes published bare, on a server of their own. */
async function compareEngine(stage: Stage, rivals: Writer): Promise<Row> {
  stage.say("commands through the engine");
  const foundation = await foundBus();
  const url = await startNats(stage, { host: stage.address(2), foundation });
  const engine = await startEngine(url, foundation.plannerCreds);
  try {
    let bytes = 512;
    const commands = async (): Promise<Round> => {
      const latenciesMs: number[] = [];
      for (let index = 0; index < COMMANDS; index += 1) {
        const sentAt = performance.now();
        // One at a time is what is measured.
        bytes = await engine.command();
        latenciesMs.push(performance.now() - sentAt);
      }
      return { latenciesMs, tookMs: 0 };
    };
    const bare = async (): Promise<Round> => await rivals.round({ bytes, appends: COMMANDS });
    const timed = { rounds: stage.isQuick ? 4 : 20, warmUp: 2 };
    const measured = await interleave({ ours: commands, rivals: bare }, timed);
    const p50 = (rounds: readonly Round[]): number => median(rounds.flatMap(({ latenciesMs }) => latenciesMs));
    const { ours, rivals: theirs } = measured;
    return rowOf({ case: "command through the engine, p50", unit: "ms", value: p50(ours), rival: p50(theirs) });
  } finally {
    await engine.close();
  }
}

/** One writer, one append at a time: the next needs the sequence of the last. */
class Writer {
  readonly #append: Append;
  #sequence = 0;

  constructor(append: Append) {
    this.#append = append;
  }

  async round({ bytes, appends }: { readonly bytes: number; readonly appends: number }): Promise<Round> {
    const record = new Uint8Array(bytes).fill(7);
    const latenciesMs: number[] = [];
    const begunAt = performance.now();
    for (let index = 0; index < appends; index += 1) {
      const sentAt = performance.now();
      // One at a time is what is measured.
      this.#sequence = await this.#append(record, this.#sequence);
      latenciesMs.push(performance.now() - sentAt);
    }
    return { latenciesMs, tookMs: performance.now() - begunAt };
  }
}

function appendToLog(log: Log): Append {
  const signal = AbortSignal.timeout(300_000);
  return async (bytes, sequence) => {
    const messageId = `bench-${sequence}`;
    const outcome = await log.append(bytes, { expectedSequence: sequence, messageId, signal });
    if (outcome.kind !== "appended") throw new Error(`the log answers ${JSON.stringify(outcome)}`);
    return outcome.sequence;
  };
}

async function appendToBareStream(connection: NatsConnection): Promise<Append> {
  const manager = await jetstreamManager(connection);
  await manager.streams.add({ name: RIVAL_STREAM, subjects: ["bare"], storage: StorageType.File });
  const client = jetstream(connection);
  return async (bytes, lastSequence) => (await client.publish("bare", bytes, { expect: { lastSequence } })).seq;
}
