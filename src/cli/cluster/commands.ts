import type { Command } from "commander";
import type { Session } from "../session.ts";
import { addDrain } from "./drain.ts";
import { addList } from "./list.ts";
import { addMembership } from "./membership.ts";
import { addRegister } from "./register.ts";
import { addShow } from "./show.ts";

/** `weir cluster …` */
export function addClusterCommands(program: Command, session: Session): void {
  const cluster = program.command("cluster").description("register, accept, cordon, drain and revoke clusters");
  addRegister(cluster, session);
  addList(cluster, session);
  addShow(cluster, session);
  addMembership(cluster, session);
  addDrain(cluster, session);
}
