import type { Command } from "commander";
import { ForceMode } from "../../../proto/gen/weir/v1/fleet_pb.ts";
import { DeleteServiceResponseSchema } from "../../../proto/gen/weir/v1/traffic_pb.ts";
import { API } from "../api.ts";
import { newRequestId } from "../session.ts";
import type { Session } from "../session.ts";

/** `weir service delete NAME` */
export function addDelete(parent: Command, session: Session): void {
  parent
    .command("delete")
    .description("take a service out of every cluster's plan")
    .argument("<service>", "namespace/name")
    .option("--force", "also while it is still called")
    .action(async (service: string, { force }: { readonly force?: true }, command: Command) => {
      const mode = force === true ? ForceMode.YES : ForceMode.NO;
      const request = { requestId: newRequestId(), service, force: mode };
      const message = await session.call(command, API.services.deleteService, request);
      const lines = (): readonly string[] => [`service ${service} is deleted`];
      session.print(command, { schema: DeleteServiceResponseSchema, message, lines });
    });
}
