import type { Command } from "commander";
import { ListClustersResponseSchema } from "../../../proto/gen/weir/v1/fleet_pb.ts";
import type { Cluster } from "../../../proto/gen/weir/v1/fleet_pb.ts";
import { API } from "../api.ts";
import type { Session } from "../session.ts";
import { table } from "../table.ts";
import { harmless } from "../terminal.ts";
import type { Paint } from "../terminal.ts";
import { clusterNotes, healthWord, lastReport, membershipWord } from "../view.ts";

/** `weir cluster list` */
export function addList(parent: Command, session: Session): void {
  parent
    .command("list")
    .alias("ls")
    .description("list clusters")
    .option("-l, --selector <key=value>", "only those with these labels; several with commas")
    .action(async ({ selector }: { readonly selector?: string }, command: Command) => {
      const request = selector === undefined ? {} : { selector };
      const message = await session.call(command, API.clusters.listClusters, request);
      const lines = (): readonly string[] => clusterTable(message.clusters, session.terminal.paint);
      session.print(command, { schema: ListClustersResponseSchema, message, lines });
    });
}

/** Clusters as a table. */
export function clusterTable(clusters: readonly Cluster[], paint: Paint): readonly string[] {
  if (clusters.length === 0) return ["no clusters yet; add one with: weir cluster register NAME"];
  const titles = ["CLUSTER", "REGION", "MEMBERSHIP", "HEALTH", "LAST REPORT", "NOTES"];
  const rows = clusters.map((cluster) => [
    harmless(cluster.spec?.name ?? ""),
    harmless(cluster.spec?.region ?? ""),
    membershipWord(cluster),
    healthWord(cluster, paint),
    lastReport(cluster),
    clusterNotes(cluster),
  ]);
  return table(
    titles.map((title) => ({ title })),
    rows,
  );
}
