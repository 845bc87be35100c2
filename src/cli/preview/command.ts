import { toJson } from "@bufbuild/protobuf";
import { InvalidArgumentError, Option } from "commander";
import type { Command } from "commander";
import { PreviewSummarySchema, ServicePreviewSchema } from "../../../proto/gen/weir/v1/preview_pb.ts";
import type { PreviewSummary, ServicePreview } from "../../../proto/gen/weir/v1/preview_pb.ts";
import { API } from "../api.ts";
import { EXIT, Failure } from "../failure.ts";
import { bakeOption, several, stepOption } from "../option.ts";
import type { Session } from "../session.ts";
import { capacities, demands, shifts, supposing } from "./supposing.ts";
import type { SupposingOptions } from "./supposing.ts";
import { previewLines } from "./lines.ts";

const EXAMPLES = `
Examples:
  weir preview --lose us-east
  weir preview --demand 1.5 --demand shop/checkout=2 --service shop/checkout
  weir preview --drain us-east --capacity shop/checkout@eu-west=50%

Everything that is named is supposed at once, and nothing changes. Where several changes of demand or capacity meet, the most
precise counts. Exit code 4: more requests find no room than now.`;

/** `weir preview`: what would come of something, changing nothing. */
export function addPreview(program: Command, session: Session): void {
  program
    .command("preview")
    .description("show what would come of other demand or capacity, lost or drained clusters, changing nothing")
    .addOption(
      new Option(
        "--demand <change>",
        "demand times so much: 1.5, SERVICE=2, @CLUSTER=0, SERVICE@CLUSTER=150%; may be repeated",
      ).argParser(demands),
    )
    .addOption(
      new Option(
        "--capacity <change>",
        "capacity: SERVICE=0.5, @CLUSTER=50%, SERVICE@CLUSTER/VERSION=400rps; may be repeated",
      ).argParser(capacities),
    )
    .addOption(new Option("--lose <cluster>", "cluster that dies; may be repeated").argParser(several))
    .addOption(new Option("--drain <cluster>", "cluster that is drained; may be repeated").argParser(several))
    .addOption(new Option("--cordon <cluster>", "cluster that is cordoned; may be repeated").argParser(several))
    .addOption(
      new Option("--shift <shift>", "SERVICE@CLUSTER:CLUSTER/VERSION=50%,…; may be repeated").argParser(shifts),
    )
    .addOption(stepOption())
    .addOption(bakeOption())
    .option("--force", "drain also when the other clusters lack capacity")
    .addOption(
      new Option("--service <name>", "show these services only, namespace/name; may be repeated").argParser(several),
    )
    .addOption(new Option("--details <number>", "services to show in full, 1 to 200 (default 10)").argParser(count))
    .addHelpText("after", EXAMPLES)
    .action(async (options: SupposingOptions, command: Command) => preview({ options, command }, session));
}

function count(text: string): number {
  const number = Number(text);
  if (!/^\d{1,3}$/.test(text) || number < 1 || number > 200) throw new InvalidArgumentError("write 1 to 200.");
  return number;
}

async function preview(
  { options, command }: { readonly options: SupposingOptions; readonly command: Command },
  session: Session,
): Promise<void> {
  const planner = await session.planner(command);
  let summary: PreviewSummary | undefined;
  let services: ServicePreview[] = [];
  for await (const { part } of planner.watch(API.previews.previewChange, supposing(options), session.signal)) {
    // Another replica, asked because the first went away, begins anew.
    if (part.case === "summary") [summary, services] = [part.value, []];
    if (part.case === "service") services.push(part.value);
    if (part.case === "progress")
      session.terminal.note(`looked at ${part.value.done} of ${part.value.services} services`);
  }
  if (summary === undefined) return;
  const found = { summary, services };
  session.printValue(command, structured(found), () => previewLines(found, session.terminal.paint));
  const [now, then] = [missing(summary.before), missing(summary.after)];
  if (then > now) {
    const line = `NO_ROOM: ${then.toFixed(1)}/s find no room in the end, ${now.toFixed(1)}/s now`;
    throw new Failure(line, { exitCode: EXIT.endedBadly, hint: "add capacity where it is short, or move less" });
  }
}

/** What a preview printed as JSON or YAML holds. */
function structured({
  summary,
  services,
}: {
  readonly summary: PreviewSummary;
  readonly services: readonly ServicePreview[];
}) {
  const options = { alwaysEmitImplicit: true };
  return {
    summary: toJson(PreviewSummarySchema, summary, options),
    services: services.map((service) => toJson(ServicePreviewSchema, service, options)),
  };
}

function missing(cost: PreviewSummary["after"]): number {
  return (cost?.overLimitRps ?? 0) + (cost?.lostRps ?? 0);
}
