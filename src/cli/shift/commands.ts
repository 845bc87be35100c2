import type { Command } from "commander";
import type { Session } from "../session.ts";
import { addAbort } from "./abort.ts";
import { addList } from "./list.ts";
import { addPreview } from "./preview.ts";
import { addRequest } from "./request.ts";
import { addWatch } from "./watch.ts";

/** `weir shift …` */
export function addShiftCommands(program: Command, session: Session): void {
  const shift = program.command("shift").description("move a service's traffic between clusters and versions");
  addPreview(shift, session);
  addRequest(shift, session);
  addWatch(shift, session);
  addList(shift, session);
  addAbort(shift, session);
}
