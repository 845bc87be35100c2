import type { Command } from "commander";
import { stringify } from "yaml";
import { API } from "../api.ts";
import { EXIT, Failure } from "../failure.ts";
import type { Session } from "../session.ts";
import { toDocument } from "./document.ts";

/** `weir service show NAME`: as a file, so that it can be changed and applied. */
export function addShow(parent: Command, session: Session): void {
  parent
    .command("show")
    .description("show one service as a file that `weir service apply` takes")
    .argument("<service>", "namespace/name")
    .action(async (name: string, _options: unknown, command: Command) => {
      const { service } = await session.call(command, API.services.getService, { service: name });
      if (service === undefined)
        throw new Failure("DECODE: the planner answered without a service", { exitCode: EXIT.refused });
      const document = toDocument(service);
      session.printValue(command, document, () => [stringify(document).trimEnd()]);
    });
}
