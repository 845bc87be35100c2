import { pino } from "pino";
import type { Config } from "../config/settings.ts";

/** Where the agent says what it does: a fixed phrase, the data in fields. */
export interface AgentLog {
  debug(fields: object, phrase: string): void;
  info(fields: object, phrase: string): void;
  warn(fields: object, phrase: string): void;
  error(fields: object, phrase: string): void;
}

/** JSON lines on stdout. No worker threads: they would cost more memory than the agent. */
export function createLog(level: Config["logLevel"]): AgentLog {
  return pino({
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
  });
}

/** Says nothing. */
export const SILENT_LOG: AgentLog = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};
