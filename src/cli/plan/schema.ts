import type { Command } from "commander";
import { fleetDocumentSchema } from "../../io/yaml/fleet/schema.ts";
import type { Session } from "../session.ts";

/** `weir plan schema` */
export function addSchema(parent: Command, session: Session): void {
  parent
    .command("schema")
    .description("print the JSON Schema of the file that `weir plan compute` reads")
    .addHelpText("after", "\nFor an editor: weir plan schema > fleet.schema.json")
    .action((_options: unknown, command: Command) => {
      const schema = fleetDocumentSchema();
      session.printValue(command, schema, () => [JSON.stringify(schema, null, 2)]);
    });
}
