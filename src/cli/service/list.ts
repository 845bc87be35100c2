import type { Command } from "commander";
import type { Service } from "../../../proto/gen/weir/v1/traffic_pb.ts";
import { API } from "../api.ts";
import { rate } from "../notation.ts";
import type { Session } from "../session.ts";
import { table } from "../table.ts";
import { harmless } from "../terminal.ts";
import { protocolWord, toDocument } from "./document.ts";

/** `weir service list` */
export function addList(parent: Command, session: Session): void {
  parent
    .command("list")
    .alias("ls")
    .description("list services")
    .action(async (_options: unknown, command: Command) => {
      const { services } = await session.call(command, API.services.listServices, {});
      session.printValue(command, { services: services.map(toDocument) }, () => serviceTable(services));
    });
}

function serviceTable(services: readonly Service[]): readonly string[] {
  if (services.length === 0) return ["no services yet; declare one with: weir service apply -f FILE"];
  const columns = [
    { title: "SERVICE" },
    { title: "PROTOCOL" },
    { title: "PORT", align: "right" },
    { title: "STABLE" },
    { title: "RUNS IN" },
  ] as const;
  return table(columns, services.map(rowOf));
}

function rowOf(service: Service): readonly string[] {
  const { spec } = service;
  const places = (spec?.deployments ?? []).map(({ destination, capacityRps }) => {
    const capacity = capacityRps === undefined ? "" : ` (${rate(capacityRps)}/s)`;
    return harmless(`${destination?.cluster ?? ""}/${destination?.version ?? ""}${capacity}`);
  });
  const facts = [spec?.name ?? "", protocolWord(service), String(spec?.port ?? ""), spec?.stableVersion ?? ""];
  return [...facts.map(harmless), places.join(", ")];
}
