import { pino } from "pino";

/** Where the agent says what it does: a fixed phrase, the data in fields. */
export interface AgentLog {
  info(fields: object, phrase: string): void;
  warn(fields: object, phrase: string): void;
  error(fields: object, phrase: string): void;
}

/** Levels that the configuration may name. */
export const LOG_LEVELS = ["debug", "info", "warn", "error", "silent"] as const;

/** One of `LOG_LEVELS`. */
export type LogLevel = (typeof LOG_LEVELS)[number];

/** JSON lines on stdout. No worker threads: they would cost more memory than the agent. */
export function createLog(level: LogLevel): AgentLog {
  return pino({
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
  });
}

/** Says nothing. */
export const SILENT_LOG: AgentLog = { info: () => undefined, warn: () => undefined, error: () => undefined };
