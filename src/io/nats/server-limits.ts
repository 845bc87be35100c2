import { MESSAGE_BYTES_MIN } from "../../engine/land.ts";
import type { Refusal } from "../../model/refusal.ts";

/**
 * Refuses a server whose messages are too small for the largest record (STORE_CONFIG): it would take most records, and
 * the one that it does not take would be tried again without end. `maxPayloadBytes` counts headers and data.
 */
export function refuseSmallMessages(maxPayloadBytes: number): Refusal | undefined {
  if (maxPayloadBytes >= MESSAGE_BYTES_MIN) return undefined;
  return {
    code: "STORE_CONFIG",
    field: "nats",
    message:
      `the NATS server takes messages of at most ${maxPayloadBytes} bytes, and a record of the log can need ` +
      `${MESSAGE_BYTES_MIN}. Set max_payload of the server to 1MB, which is its default, or more.`,
  };
}
