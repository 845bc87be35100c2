import { RequestError } from "nats";
import type { Msg, NatsConnection } from "nats";
import type { EngineLog, ReplicaBus } from "../../engine/ports.ts";
import type { Committed, ForwardedCommand } from "../../model/command.ts";
import type { Refusal } from "../../model/refusal.ts";
import { badName } from "../../model/names.ts";
import { assert, refuse } from "../../model/result.ts";
import type { Result } from "../../model/result.ts";
import {
  decodeForwardRequest,
  decodeForwardResponse,
  decodeReplicaHeartbeat,
  encodeForwardRequest,
  encodeForwardResponse,
  encodeReplicaHeartbeat,
} from "../../wire/forward.ts";
import { abortable } from "./abortable.ts";
import { HEARTBEAT_SUBJECT, forwardSubject } from "./subjects.ts";

/** The library wants a number; the caller's signal ends the wait first. */
const REQUEST_TIMEOUT_MS = 60_000;

/** Talk between replicas over core NATS: nothing here is stored, and nothing is trusted for more than liveness. */
export function createBus(connection: NatsConnection, replica: string, logger: EngineLog): ReplicaBus {
  assert(badName(replica) === undefined, `${replica} names a replica`);
  // Of this process's own heartbeats: whatever else goes by its name is another process.
  let ownBootId = "";
  return {
    publishHeartbeat(heartbeat) {
      ownBootId = heartbeat.bootId;
      // Between two connections there is nobody to tell; the next one is a second away.
      if (!connection.isClosed()) connection.publish(HEARTBEAT_SUBJECT, encodeReplicaHeartbeat(heartbeat));
    },
    onHeartbeat(listener) {
      return subscribe(connection, HEARTBEAT_SUBJECT, (message) => {
        const heartbeat = decodeReplicaHeartbeat(message.data);
        if (!heartbeat.ok) return logger.warn({ refusal: heartbeat.refusal }, "heartbeat cannot be read");
        const isOwn = heartbeat.value.replica === replica && heartbeat.value.bootId === ownBootId;
        if (!isOwn) listener(heartbeat.value);
      });
    },
    forward: async (leader, command, signal) => await forward({ connection, leader }, command, signal),
    onForward(name, answer) {
      return subscribe(connection, forwardSubject(name), (message) => void respond(message, { answer, logger }));
    },
  };
}

async function forward(
  { connection, leader }: { readonly connection: NatsConnection; readonly leader: string },
  command: ForwardedCommand,
  signal: AbortSignal,
): Promise<Result<Committed, Refusal>> {
  try {
    const options = { timeout: REQUEST_TIMEOUT_MS };
    const asking = connection.request(forwardSubject(leader), encodeForwardRequest(command), options);
    return decodeForwardResponse((await abortable(asking, signal)).data);
  } catch (error) {
    // The broker says that nobody listens there: it surely did not arrive.
    if (error instanceof RequestError && error.isNoResponders()) return refuse(unheard(leader));
    throw error;
  }
}

function unheard(leader: string): Refusal {
  return { code: "NO_LEADER", field: "", message: `replica ${leader} does not answer; nothing was changed, repeat` };
}

interface Responding {
  readonly answer: (command: ForwardedCommand) => Promise<Result<Committed, Refusal>>;
  readonly logger: EngineLog;
}

/** No answer is sent when nobody knows what became of the command: the sender then knows that as well. */
async function respond(message: Msg, { answer, logger }: Responding): Promise<void> {
  const command = decodeForwardRequest(message.data);
  if (!command.ok) {
    message.respond(encodeForwardResponse(command));
    return;
  }
  try {
    message.respond(encodeForwardResponse(await answer(command.value)));
  } catch (error) {
    logger.warn({ kind: command.value.command.kind, cause: String(error) }, "forwarded command left unanswered");
  }
}

function subscribe(connection: NatsConnection, subject: string, take: (message: Msg) => void): () => void {
  const subscription = connection.subscribe(subject, {
    callback: (error, message) => {
      if (error === null) take(message);
    },
  });
  return () => {
    // Drained, so that what was already delivered is still answered. A closed connection has nothing left to drain.
    if (!subscription.isClosed()) void subscription.drain().catch(() => undefined);
  };
}
