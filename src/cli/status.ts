import { setTimeout as sleep } from "node:timers/promises";
import type { Command } from "commander";
import { GetStatusResponseSchema } from "../../proto/gen/weir/v1/traffic_pb.ts";
import type {
  GetStatusResponse,
  ReplicaStatus,
  ShareStatus,
  SourceStatus,
} from "../../proto/gen/weir/v1/traffic_pb.ts";
import { API } from "./api.ts";
import { clusterTable } from "./cluster/list.ts";
import { interrupted } from "./failure.ts";
import { percent, percentOfOne, rate } from "./notation.ts";
import { time } from "./option.ts";
import { Progress } from "./progress.ts";
import type { Session } from "./session.ts";
import { survivalLines } from "./survival.ts";
import { shiftTable } from "./shift/list.ts";
import { table } from "./table.ts";
import { harmless } from "./terminal.ts";
import type { Paint } from "./terminal.ts";

interface Options {
  readonly watch?: true;
  readonly interval: number;
}

/** `weir status [SERVICE]` */
export function addStatus(program: Command, session: Session): void {
  program
    .command("status")
    .description(
      "show what each source shall send, what its mesh routes, what it was seen to send, and what is waited for",
    )
    .argument("[service]", "namespace/name; all services without it", "")
    .option("-w, --watch", "stay and show changes")
    .option("--interval <time>", "how often to look with --watch", time, 1_000)
    .action(async (service: string, options: Options, command: Command) => {
      if (options.watch === true) return watchStatus({ service, options, command }, session);
      const message = await session.call(command, API.status.getStatus, { service });
      const lines = (): readonly string[] => statusLines(message, session.terminal.paint);
      session.print(command, { schema: GetStatusResponseSchema, message, lines });
    });
}

async function watchStatus(
  { service, options, command }: { readonly service: string; readonly options: Options; readonly command: Command },
  session: Session,
): Promise<void> {
  const progress = new Progress(session.terminal);
  const isTable = session.format(command) === "table";
  while (!session.signal.aborted) {
    const message = await session.call(command, API.status.getStatus, { service });
    if (isTable) progress.show(statusLines(message, session.terminal.paint));
    else session.print(command, { schema: GetStatusResponseSchema, message, lines: () => [] });
    // Being interrupted while waiting is the usual way out.
    await sleep(options.interval, undefined, { signal: session.signal }).catch(() => undefined);
  }
  throw interrupted("stopped looking");
}

/** The whole status as lines. */
export function statusLines(message: GetStatusResponse, paint: Paint): readonly string[] {
  const shifts = message.runningShifts.length === 0 ? [] : ["", ...shiftTable(message.runningShifts, paint)];
  const survival = survivalLines(message, paint);
  const replicas = message.replicas.map((replica) => replicaWords(replica, paint));
  return [
    ...sourceTable(message.sources, paint),
    ...(survival.length === 0 ? [] : ["", ...survival]),
    "",
    ...clusterTable(message.clusters, paint),
    ...shifts,
    ...(replicas.length === 0 ? [] : ["", replicas.join("; ")]),
  ];
}

const COLUMNS = [
  { title: "SERVICE" },
  { title: "SOURCE" },
  { title: "RATE", align: "right" },
  { title: "FAILED", align: "right" },
  { title: "DESTINATION" },
  { title: "INTENDED", align: "right" },
  { title: "APPLIED", align: "right" },
  { title: "OBSERVED", align: "right" },
  { title: "WAITS FOR" },
] as const;

function sourceTable(sources: readonly SourceStatus[], paint: Paint): readonly string[] {
  if (sources.length === 0) return ["nothing is routed yet: it takes an active cluster and a service that runs there"];
  const rows = sources.flatMap((source, index) => {
    const isSameService = sources[index - 1]?.service === source.service;
    return rowsOf(source, { name: isSameService ? "" : harmless(source.service), paint });
  });
  return table(COLUMNS, rows);
}

function rowsOf(
  source: SourceStatus,
  { name, paint }: { readonly name: string; readonly paint: Paint },
): readonly (readonly string[])[] {
  const failed = source.failureRatio === undefined ? "" : failedWords(source.failureRatio, paint);
  const head = [name, harmless(source.cluster), `${rate(source.demandRps)}/s`, failed];
  const waits = paint("warn", harmless(source.waitsFor));
  const [first, ...others] = source.shares.map((share) => shareCells(share, paint));
  if (first === undefined) return [[...head, "", "", "", "", waits]];
  return [[...head, ...first, waits], ...others.map((cells) => ["", "", "", "", ...cells, ""])];
}

function failedWords(ratio: number, paint: Paint): string {
  // A failure too rare for the digits shown is still no zero.
  const words = ratio > 0 && ratio < 0.0005 ? "<0.1%" : percentOfOne(ratio);
  return ratio > 0 ? paint("bad", words) : words;
}

function shareCells(share: ShareStatus, paint: Paint): readonly string[] {
  const { destination, intendedWeight, appliedWeight, observedShare } = share;
  const applied = appliedWeight === undefined ? "-" : percent(appliedWeight);
  const isBehind = appliedWeight !== undefined && appliedWeight !== intendedWeight;
  return [
    destination === undefined ? "?" : harmless(`${destination.cluster}/${destination.version}`),
    percent(intendedWeight),
    isBehind ? paint("warn", applied) : applied,
    observedShare === undefined ? "-" : percentOfOne(observedShare),
  ];
}

function replicaWords({ replica, isLeading, epoch, sequence, halted }: ReplicaStatus, paint: Paint): string {
  const role = isLeading ? `leads (epoch ${epoch})` : "follows";
  const trouble = halted === "" ? "" : paint("bad", ` but publishes nothing: ${harmless(halted)}`);
  return `${harmless(replica)} ${role} at ${sequence}${trouble}`;
}
