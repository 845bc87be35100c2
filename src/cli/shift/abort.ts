import type { Command } from "commander";
import { AbortShiftResponseSchema } from "../../../proto/gen/weir/v1/traffic_pb.ts";
import { API } from "../api.ts";
import { reasonOption } from "../option.ts";
import { newRequestId } from "../session.ts";
import type { Session } from "../session.ts";

/** `weir shift abort ID` */
export function addAbort(parent: Command, session: Session): void {
  parent
    .command("abort")
    .description("return a shift's sources to what they sent before, at once")
    .argument("<shift>", "id of the shift")
    .addOption(reasonOption())
    .action(async (shift: string, { reason }: { readonly reason: string }, command: Command) => {
      const request = { requestId: newRequestId(), shift, reason };
      const message = await session.call(command, API.shifts.abortShift, request);
      const lines = (): readonly string[] => [`shift ${shift} is aborted; its sources return to what they sent before`];
      session.print(command, { schema: AbortShiftResponseSchema, message, lines });
    });
}
