import type { Command } from "commander";
import { PreviewRecoveryResponseSchema, RecoverResponseSchema } from "../../proto/gen/weir/v1/admin_pb.ts";
import type { PreviewRecoveryResponse } from "../../proto/gen/weir/v1/admin_pb.ts";
import { API } from "./api.ts";
import { misused } from "./failure.ts";
import { newRequestId } from "./session.ts";
import type { Session } from "./session.ts";
import { table } from "./table.ts";
import { harmless } from "./terminal.ts";

interface Options {
  readonly yes?: true;
  readonly reason?: string;
}

/** `weir recover`: shows what a recovery would change, and does it only with --yes. */
export function addRecover(program: Command, session: Session): void {
  program
    .command("recover")
    .description("let agents follow a log that was restored or wiped; shows what would change first")
    .option("--yes", "do it")
    .option("--reason <text>", "why; recorded in the log")
    .action(async (options: Options, command: Command) => {
      const preview = await session.call(command, API.admin.previewRecovery, {});
      if (options.yes !== true) {
        const lines = (): readonly string[] => [
          ...previewed(preview),
          "",
          "to do it: weir recover --yes --reason TEXT",
        ];
        session.print(command, { schema: PreviewRecoveryResponseSchema, message: preview, lines });
        return;
      }
      await recover({ preview, reason: options.reason, command }, session);
    });
}

async function recover(
  given: { readonly preview: PreviewRecoveryResponse; readonly reason: string | undefined; readonly command: Command },
  session: Session,
): Promise<void> {
  const { preview, reason, command } = given;
  if (reason === undefined) throw misused("say why: --reason TEXT", "the log keeps it, for whoever wonders later");
  const request = { requestId: newRequestId(), digest: preview.digest, reason };
  const message = await session.call(command, API.admin.recover, request);
  const lines = (): readonly string[] => [`recovered: the log is now generation ${message.incarnation?.generation}`];
  session.print(command, { schema: RecoverResponseSchema, message, lines });
}

function previewed({ incarnation, lastSequence, witnesses, changes }: PreviewRecoveryResponse): readonly string[] {
  const rows = witnesses.map(({ cluster, position }) => [
    harmless(cluster),
    position === undefined ? "nothing" : String(position.incarnation?.generation ?? ""),
    position === undefined ? "" : String(position.epoch),
    position === undefined ? "" : String(position.revision),
  ]);
  const columns = ["CLUSTER HOLDS", "GENERATION", "EPOCH", "REVISION"].map((title) => ({ title }));
  return [
    `the log is generation ${incarnation?.generation ?? "?"} and ends at ${lastSequence}`,
    "",
    ...(rows.length === 0 ? ["no cluster says that it holds a plan"] : table(columns, rows)),
    ...(changes.length === 0 ? [] : ["", ...changes.map(harmless)]),
  ];
}
