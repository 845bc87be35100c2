import type { Command } from "commander";
import { WhoAmIResponseSchema } from "../../proto/gen/weir/v1/admin_pb.ts";
import { API } from "./api.ts";
import { duration } from "./notation.ts";
import type { Session } from "./session.ts";
import { harmless } from "./terminal.ts";

/** `weir whoami` */
export function addWhoami(program: Command, session: Session): void {
  program
    .command("whoami")
    .description("show who the planner takes you for")
    .action(async (_options: unknown, command: Command) => {
      const message = await session.call(command, API.admin.whoAmI, {});
      const expires = Number(message.certificateExpiresAtUnixMs);
      const life = expires === 0 ? "" : `, certificate valid for ${duration(expires - Date.now())}`;
      const lines = (): readonly string[] => [`${harmless(message.actor)} at ${harmless(message.replica)}${life}`];
      session.print(command, { schema: WhoAmIResponseSchema, message, lines });
    });
}
