import type { Command } from "commander";
import { toPlain, writeFleetDocument } from "../../io/yaml/write-fleet-document.ts";
import { API } from "../api.ts";
import { harmless } from "../terminal.ts";
import type { Session } from "../session.ts";
import { liveDocument } from "./live-document.ts";

/** `weir plan export` */
export function addExport(parent: Command, session: Session): void {
  parent
    .command("export")
    .description("print the live fleet as a file for `weir plan compute`")
    .addHelpText("after", "\nWhat a file cannot say, or nobody declared, is told beside it.")
    .action(async (_options: unknown, command: Command) => {
      const [{ clusters, sources, capacities, roundTrips }, { services }] = await Promise.all([
        session.call(command, API.status.getStatus, { service: "" }),
        session.call(command, API.services.listServices, {}),
      ]);
      const { document, notes } = liveDocument({ clusters, services, sources, capacities, roundTrips });
      for (const note of notes) session.terminal.note(harmless(note));
      const format = session.format(command);
      session.terminal.out(
        format === "json" ? JSON.stringify(toPlain(document), null, 2) : writeFleetDocument(document).trimEnd(),
      );
    });
}
