import { destination, pino } from "pino";
import type { Logger } from "pino";

/** Least important level that is written. `warn` means that somebody should look. */
export type LogLevel = "debug" | "info" | "warn" | "error";

/**
 * The planner's log: one JSON line an entry. The message is a fixed phrase, everything that varies is in fields.
 * `file` descriptor 2 by default, so that what a command prints stays apart from what it logs.
 */
export function createLog(options: {
  readonly level: LogLevel;
  readonly replica: string;
  readonly descriptor?: number;
}): Logger {
  const { level, replica, descriptor = 2 } = options;
  return pino(
    {
      level,
      base: { replica },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    // Synchronous: the lines before a crash are the ones that matter.
    destination({ fd: descriptor, sync: true }),
  );
}

/** What a Fault looks like in a log's fields. */
export function faultFields(error: unknown): { readonly error: string; readonly stack?: string } {
  if (!(error instanceof Error)) return { error: String(error) };
  return { error: error.message, ...(error.stack === undefined ? {} : { stack: error.stack }) };
}
