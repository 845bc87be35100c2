import type { Command } from "commander";
import type { Reason } from "../../../proto/gen/weir/v1/plan_pb.ts";
import { PreviewShiftResponseSchema } from "../../../proto/gen/weir/v1/traffic_pb.ts";
import type { DestinationLoad, PreviewShiftResponse } from "../../../proto/gen/weir/v1/traffic_pb.ts";
import { API } from "../api.ts";
import { rate } from "../notation.ts";
import type { Session } from "../session.ts";
import { table } from "../table.ts";
import { harmless } from "../terminal.ts";
import { sourceSplitWords } from "../view.ts";
import { proposalOf, withProposal } from "./proposal.ts";
import type { ProposalOptions } from "./proposal.ts";

/** `weir shift preview`: what a shift would do, step by step, changing nothing. */
export function addPreview(parent: Command, session: Session): void {
  withProposal(parent.command("preview").description("show what a shift would do, changing nothing")).action(
    async (service: string | undefined, options: ProposalOptions, command: Command) => {
      const proposal = await proposalOf({ service, options, command }, session);
      const message = await session.call(command, API.shifts.previewShift, { proposal });
      session.print(command, { schema: PreviewShiftResponseSchema, message, lines: () => previewed(message) });
    },
  );
}

function previewed(message: PreviewShiftResponse): readonly string[] {
  const rows = [
    ["now", sourceSplitWords(message.before)],
    ...message.steps.map(({ splits }, index) => [`step ${index + 1}`, sourceSplitWords(splits)]),
  ];
  const last = message.steps.at(-1);
  return [
    ...table([{ title: "" }, { title: "" }], rows).slice(1),
    ...(last === undefined ? [] : ["", ...loadTable(last.loads)]),
    ...(message.reasons.length === 0 ? [] : ["", ...reasonTable(message.reasons)]),
    ...(message.digest === "" ? [] : ["", `to do exactly this: weir shift request … --pin ${message.digest}`]),
  ];
}

function loadTable(loads: readonly DestinationLoad[]): readonly string[] {
  const columns = [
    { title: "DESTINATION" },
    { title: "BEFORE", align: "right" },
    { title: "AFTER", align: "right" },
    { title: "CAPACITY", align: "right" },
  ] as const;
  const rows = loads.map(({ destination, beforeRps, afterRps, capacityRps }) => [
    harmless(`${destination?.cluster ?? ""}/${destination?.version ?? ""}`),
    `${rate(beforeRps)}/s`,
    `${rate(afterRps)}/s`,
    capacityRps === undefined ? "unknown" : `${rate(capacityRps)}/s`,
  ]);
  return table(columns, rows);
}

/** Reasons as a table. */
export function reasonTable(reasons: readonly Reason[]): readonly string[] {
  const rows = reasons.map(({ cluster, destination, kind, text }) =>
    [cluster, `${destination?.cluster ?? ""}/${destination?.version ?? ""}`, kind, text].map(harmless),
  );
  return table([{ title: "SOURCE" }, { title: "DESTINATION" }, { title: "REASON" }, { title: "WHY" }], rows);
}
