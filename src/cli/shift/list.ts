import type { Command } from "commander";
import { ListShiftsResponseSchema } from "../../../proto/gen/weir/v1/traffic_pb.ts";
import type { Shift } from "../../../proto/gen/weir/v1/traffic_pb.ts";
import { API } from "../api.ts";
import type { Session } from "../session.ts";
import { table } from "../table.ts";
import { harmless } from "../terminal.ts";
import type { Paint } from "../terminal.ts";
import { age, phaseWord, targetWords } from "../view.ts";

/** `weir shift list [SERVICE]` */
export function addList(parent: Command, session: Session): void {
  parent
    .command("list")
    .alias("ls")
    .description("list shifts, newest first")
    .argument("[service]", "namespace/name; all services without it", "")
    .action(async (service: string, _options: unknown, command: Command) => {
      const message = await session.call(command, API.shifts.listShifts, { service });
      const lines = (): readonly string[] => shiftTable(message.shifts, session.terminal.paint);
      session.print(command, { schema: ListShiftsResponseSchema, message, lines });
    });
}

/** Shifts as a table. */
export function shiftTable(shifts: readonly Shift[], paint: Paint): readonly string[] {
  if (shifts.length === 0) return ["no shifts yet; start one with: weir shift request SERVICE --from … --to …"];
  const titles = ["SHIFT", "SERVICE", "FROM", "TARGET", "PHASE", "STEPS", "AGE", "BY", "DETAIL"];
  const rows = shifts.map((shift) => [
    harmless(shift.shift),
    harmless(shift.service),
    shift.sources.map(harmless).join(","),
    targetWords(shift.target),
    phaseWord(shift, paint),
    String(shift.stepsTaken),
    age(shift.requestedAtUnixMs, Date.now()),
    harmless(shift.actor),
    harmless(shift.detail),
  ]);
  return table(
    titles.map((title) => ({ title })),
    rows,
  );
}
