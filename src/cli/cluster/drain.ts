import type { Command } from "commander";
import { DrainClusterResponseSchema, ForceMode } from "../../../proto/gen/weir/v1/fleet_pb.ts";
import type { Cluster } from "../../../proto/gen/weir/v1/fleet_pb.ts";
import { API } from "../api.ts";
import { EXIT, Failure, interrupted } from "../failure.ts";
import { bakeOption, stepOption, time, waitOption } from "../option.ts";
import { Progress, clockTime } from "../progress.ts";
import { newRequestId } from "../session.ts";
import type { Session } from "../session.ts";
import { drainWords } from "../view.ts";

interface Options {
  readonly step?: number;
  readonly bake?: number;
  readonly deadline?: number;
  readonly force?: true;
  readonly pin?: string;
  readonly wait?: true;
}

/** `weir cluster drain NAME` */
export function addDrain(parent: Command, session: Session): void {
  parent
    .command("drain")
    .description("move a cluster's traffic away, step by step, until nobody sends it anything")
    .argument("<name>", "name of the cluster")
    .addOption(stepOption())
    .addOption(bakeOption())
    .option("--deadline <time>", "how long it may take, such as 2h", time)
    .option("--force", "also when the other clusters lack capacity")
    .option("--pin <digest>", "digest of a preview: refuse if what it was computed from has moved")
    .addOption(waitOption("it is drained"))
    .action(async (name: string, options: Options, command: Command) => drain({ name, options, command }, session));
}

async function drain(
  { name, options, command }: { readonly name: string; readonly options: Options; readonly command: Command },
  session: Session,
): Promise<void> {
  const { step = 0, bake, deadline } = options;
  const message = await session.call(command, API.clusters.drainCluster, {
    requestId: newRequestId(),
    cluster: name,
    maxStepWeight: step,
    ...(bake === undefined ? {} : { bakeMs: bake }),
    deadlineAtUnixMs: deadline === undefined ? 0n : BigInt(Date.now() + deadline),
    force: options.force === true ? ForceMode.YES : ForceMode.NO,
    pinnedDigest: options.pin ?? "",
  });
  if (options.wait === true) return followDrain({ name, command }, session);
  const lines = (): readonly string[] => [`cluster ${name} is being drained; see: weir cluster show ${name}`];
  session.print(command, { schema: DrainClusterResponseSchema, message, lines });
}

/** Shows a drain until it is done; fails when it ends otherwise. */
async function followDrain(
  { name, command }: { readonly name: string; readonly command: Command },
  session: Session,
): Promise<void> {
  const planner = await session.planner(command);
  const progress = new Progress(session.terminal);
  for await (const { cluster, isRemoved } of planner.watch(API.clusters.watchClusters, {}, session.signal)) {
    if (cluster === undefined || cluster.spec?.name !== name) continue;
    if (isRemoved || cluster.drain === undefined)
      throw new Failure(`DRAIN_ENDED: the drain of ${name} was ended by somebody else`, { exitCode: EXIT.endedBadly });
    progress.show([`${clockTime(Date.now())} ${name} ${progressWords(cluster)}`]);
    if (cluster.drain.isDone) return;
  }
  throw interrupted(`stopped looking; the drain of ${name} goes on`);
}

function progressWords({ drain }: Cluster): string {
  return drain === undefined ? "" : drainWords(drain);
}
