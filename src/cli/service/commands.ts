import type { Command } from "commander";
import type { Session } from "../session.ts";
import { addApply } from "./apply.ts";
import { addDelete } from "./delete.ts";
import { addList } from "./list.ts";
import { addShow } from "./show.ts";

/** `weir service …` */
export function addServiceCommands(program: Command, session: Session): void {
  const service = program.command("service").description("declare services and where they run");
  addApply(service, session);
  addList(service, session);
  addShow(service, session);
  addDelete(service, session);
}
