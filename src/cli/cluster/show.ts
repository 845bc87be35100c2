import type { Command } from "commander";
import { GetClusterResponseSchema, Membership } from "../../../proto/gen/weir/v1/fleet_pb.ts";
import type { Cluster } from "../../../proto/gen/weir/v1/fleet_pb.ts";
import type { Position } from "../../../proto/gen/weir/v1/plan_pb.ts";
import { API } from "../api.ts";
import { duration } from "../notation.ts";
import type { Session } from "../session.ts";
import { table } from "../table.ts";
import { harmless } from "../terminal.ts";
import type { Paint } from "../terminal.ts";
import { age, clusterNotes, healthWord, lastReport, membershipWord } from "../view.ts";

/** `weir cluster show NAME` */
export function addShow(parent: Command, session: Session): void {
  parent
    .command("show")
    .description("show everything about one cluster")
    .argument("<name>")
    .action(async (name: string, _options: unknown, command: Command) => {
      const message = await session.call(command, API.clusters.getCluster, { cluster: name });
      const lines = (): readonly string[] =>
        message.cluster === undefined ? [] : described(message.cluster, session.terminal.paint);
      session.print(command, { schema: GetClusterResponseSchema, message, lines });
    });
}

function described(cluster: Cluster, paint: Paint): readonly string[] {
  const { spec } = cluster;
  const gateway = spec?.gateway === undefined ? "" : `${spec.gateway.address}:${spec.gateway.port}`;
  const isMember = cluster.membership === Membership.ACTIVE;
  const since =
    !isMember || cluster.verdictSinceUnixMs === 0n ? "" : ` for ${age(cluster.verdictSinceUnixMs, Date.now())}`;
  const facts: readonly (readonly [string, string])[] = [
    ["cluster", harmless(spec?.name ?? "")],
    ["region", harmless(spec?.region ?? "")],
    ["membership", membershipWord(cluster)],
    ["health", `${healthWord(cluster, paint)}${since}`],
    ["notes", clusterNotes(cluster)],
    ["alarms", harmless(cluster.alarms.join("; "))],
    ["last report", lastReport(cluster)],
    ["told", positionWords(cluster.released)],
    ["applied", positionWords(cluster.applied)],
    ["gateway", harmless(gateway)],
    ["round trips", fieldWords(spec?.rttMs ?? {}, (ms) => duration(ms))],
    ["egress", fieldWords(spec?.egressDollarsPerGb ?? {}, (dollars) => `$${dollars}/GB`)],
    ["most destinations", spec?.maxDestinations === undefined ? "" : `${spec.maxDestinations} in one route`],
    ["labels", fieldWords(spec?.labels ?? {}, String)],
    ["UID", harmless(cluster.uid)],
    ["version", String(cluster.resourceVersion)],
  ];
  const rows = facts.filter(([, value]) => value !== "");
  return table([{ title: "" }, { title: "" }], rows).slice(1);
}

function positionWords(position: Position | undefined): string {
  if (position === undefined || position.revision === 0n) return "";
  return `epoch ${position.epoch}, revision ${position.revision}`;
}

function fieldWords<T>(fields: Readonly<Record<string, T>>, show: (value: T) => string): string {
  return Object.entries(fields)
    .map(([key, value]) => harmless(`${key}=${show(value)}`))
    .join(", ");
}
