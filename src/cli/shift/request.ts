import type { Command } from "commander";
import { RequestShiftResponseSchema } from "../../../proto/gen/weir/v1/traffic_pb.ts";
import { API } from "../api.ts";
import { misused } from "../failure.ts";
import { waitOption } from "../option.ts";
import { newRequestId } from "../session.ts";
import type { Session } from "../session.ts";
import { proposalOf, withProposal } from "./proposal.ts";
import type { ProposalOptions } from "./proposal.ts";
import { followShift } from "./watch.ts";

interface Options extends ProposalOptions {
  readonly pin?: string;
  readonly wait?: true;
}

/** `weir shift request` */
export function addRequest(parent: Command, session: Session): void {
  withProposal(parent.command("request").description("start a shift"))
    .option("--reason <text>", "why; recorded in the log")
    .option("--pin <digest>", "digest of a preview: refuse if what it was computed from has moved")
    .addOption(waitOption("it has ended"))
    .addHelpText(
      "after",
      [
        "",
        "Examples:",
        '  weir shift request shop/checkout --from us-east --to eu-west=50% --reason "rack work" --wait',
        '  weir shift request shop/checkout --from us-east --to eu-west/v1=50% --to us-east/v1=50% --reason "rack work"',
        '  weir shift request shop/checkout --from us-east --to automatic --reason "rack work is over"',
      ].join("\n"),
    )
    .action(async (service: string | undefined, options: Options, command: Command) =>
      request({ service, options, command }, session),
    );
}

async function request(
  given: { readonly service: string | undefined; readonly options: Options; readonly command: Command },
  session: Session,
): Promise<void> {
  const { options, command } = given;
  const proposal = await proposalOf(given, session);
  if (!proposal.reason) throw misused("say why: --reason TEXT", "the log keeps it, for whoever wonders later");
  const message = await session.call(command, API.shifts.requestShift, {
    requestId: newRequestId(),
    proposal,
    pinnedDigest: options.pin ?? "",
  });
  const id = message.shift?.shift ?? "";
  if (options.wait === true) return followShift({ id, command }, session);
  const lines = (): readonly string[] => [`shift ${id} has started; follow it with: weir shift watch ${id}`];
  session.print(command, { schema: RequestShiftResponseSchema, message, lines });
}
