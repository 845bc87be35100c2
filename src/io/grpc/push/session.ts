import type {
  ConnectRequest,
  ConnectRequestSchema,
  ConnectResponseSchema,
} from "../../../../proto/gen/weir/v1/agent_pb.ts";
import type { Refusal } from "../../../model/refusal.ts";
import type { AgentAcknowledgement } from "../../../wire/link.ts";
import type { Call, Duplex } from "../bind.ts";
import type { Undecodable } from "../strange-fields.ts";
import type { Downward } from "./agent-stream.ts";

/** The gRPC side of a plan stream; plain acknowledgements are read directly. */
export type PlanStream = Duplex<typeof ConnectRequestSchema, typeof ConnectResponseSchema, AgentAcknowledgement>;

/** What comes on it. */
export type Heard = ConnectRequest | AgentAcknowledgement | Undecodable;

/** How a session ended from this side. `code` goes to the agent, and to the metrics. */
export interface Farewell {
  readonly code: string;
  readonly detail: string;
  /** The status that ends the stream; undefined: an orderly end. */
  readonly refusal?: Refusal;
}

/** One open plan stream, from the first message to the goodbye. */
export interface Session {
  /** Sends one message; calls back when it left for the socket. After the end nothing is sent. */
  write(message: Downward, flushed?: () => void): void;
  /** Says goodbye and ends the stream; cuts the connection if it is still there after a moment. */
  end(farewell: Farewell): void;
  /** Resolves with how it ended: the farewell, or undefined when the agent left. */
  readonly ended: Promise<Farewell | undefined>;
}

/** How long an ended stream may take to drain before its connection is cut. */
const LINGER_MS = 1_000;

/** Wraps a plan stream so that it ends once, and surely. */
export function openSession(stream: PlanStream, call: Call): Session {
  const { promise: ended, resolve } = Promise.withResolvers<Farewell | undefined>();
  let isOver = false;
  const leave = (farewell: Farewell | undefined): void => {
    isOver = true;
    resolve(farewell);
  };
  // Both ways in which the agent can leave: it closes its side, or the call is gone.
  stream.on("end", () => leave(undefined));
  stream.on("cancelled", () => leave(undefined));
  // A reset is told as "cancelled" as well; without a listener it would end the process.
  stream.on("error", () => leave(undefined));
  return {
    ended,
    write(message, flushed = () => undefined) {
      if (isOver || stream.cancelled) return flushed();
      stream.write(message, flushed);
    },
    end(farewell) {
      if (isOver) return;
      isOver = true;
      const { code, detail } = farewell;
      const cut = setTimeout(() => call.connection.cut(), LINGER_MS).unref();
      call.signal.addEventListener("abort", () => clearTimeout(cut), { once: true });
      stream.write({ message: { case: "goodbye", value: { code, detail } } }, () => resolve(farewell));
      setTimeout(() => resolve(farewell), LINGER_MS).unref();
    },
  };
}
