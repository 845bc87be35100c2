import { readFileSync } from "node:fs";
import { jetstreamManager } from "@nats-io/jetstream";
import { connectPlanner } from "../../src/io/nats/connect.ts";
import { LOG_STREAM } from "../../src/io/nats/subjects.ts";
import type { LogRecord } from "../../src/model/event.ts";
import { codec } from "../../src/wire/codec.ts";
import type { Stage } from "./stage.ts";

/** Reads the log as it lies in the server, with the planners' credentials. */
export interface LogReader {
  /** Every record, oldest first. */
  records(): Promise<readonly LogRecord[]>;
  close(): Promise<void>;
}

/** Opens a reader of a stage's log. */
export async function openLogReader({ natsUrl, init }: Stage): Promise<LogReader> {
  const creds = readFileSync(init.plannerCreds);
  const connection = await connectPlanner({ servers: [natsUrl], creds, name: "log reader" });
  const { streams } = await jetstreamManager(connection, { checkAPI: false });
  return {
    async records() {
      const { state } = await streams.info(LOG_STREAM);
      const records: LogRecord[] = [];
      for (let sequence = state.first_seq; sequence <= state.last_seq; sequence += 1) {
        const message = await streams.getMessage(LOG_STREAM, { seq: sequence });
        const record = codec.decodeRecord({ sequence, bytes: message?.data ?? new Uint8Array() });
        if (!record.ok) throw new Error(record.refusal.message);
        records.push(record.value);
      }
      return records;
    },
    close: async () => connection.close(),
  };
}
