import type { MessageInitShape } from "@bufbuild/protobuf";
import type { ConnectResponseSchema } from "../../../../proto/gen/weir/v1/agent_pb.ts";
import type { FleetState } from "../../../model/fleet.ts";
import type { ServiceId } from "../../../model/ids.ts";
import type { Position } from "../../../model/position.ts";
import { orderOf } from "../../../model/position.ts";
import type { Refusal } from "../../../model/refusal.ts";
import { ok, refuse } from "../../../model/result.ts";
import type { Result } from "../../../model/result.ts";
import type { AgentAcknowledgement, AgentHello } from "../../../wire/link.ts";
import type { Preserialized } from "../../../wire/rpc.ts";
import { deltaOf, differs } from "./delta.ts";
import type { Gate } from "./gate.ts";
import type { RouteSetBytes } from "./route-set-bytes.ts";
import type { Ruling } from "./rulings.ts";
import { wantedBy } from "./wanted.ts";
import type { Wanted } from "./wanted.ts";

/** One message down the stream. */
export type Downward = MessageInitShape<typeof ConnectResponseSchema> | Preserialized;

/** What a stream needs of the outside. */
export interface AgentStreamPorts {
  readonly gate: Gate;
  readonly bytesOf: RouteSetBytes;
  /** Newest state that may be published; undefined while this replica publishes nothing. */
  readonly publishable: () => FleetState | undefined;
  /** Writes one message; calls back when it left for the socket. */
  readonly write: (message: Downward, flushed: () => void) => void;
  /** A delta was sent, or acknowledged after so many ms. */
  readonly onSent: () => void;
  readonly onAcknowledged: (afterMs: number) => void;
  /** No acknowledgement came in time: the agent hangs, or does not read. */
  readonly onOverdue: () => void;
  readonly ackDeadlineMs: number;
}

interface InFlight {
  readonly position: Position;
  readonly sentAt: number;
  readonly hashes: Wanted["hashes"];
}

/** A stay inside the gate. */
interface Turn {
  readonly leave: () => void;
  readonly sinceMs: number;
}

/** One sender holds the gate at most about this long, whatever its reader does. */
const WRITE_TURN_MAX_MS = 1_000;

/** An agent that asks for everything again and again gets it at most this often. */
const RESYNC_INTERVAL_MS = 1_000;

/**
 * Sends one agent the deltas it lacks. One delta is in flight; when it is acknowledged, the next is made from the state
 * that is newest then, so that however slow an agent is, nothing ever waits for it.
 */
export class AgentStream {
  readonly hello: AgentHello;
  readonly #ports: AgentStreamPorts;
  /** What the agent holds; undefined: unknown. */
  #known: ReadonlyMap<ServiceId, string> | undefined;
  /**
   * Services it may hold something of: an agent takes no complete plan that lets many vanish unnamed, for that is what a
   * planner that lost its inputs sends.
   */
  #named: Set<ServiceId>;
  /** What it shall hold as of the state that was looked at last: asked for more than once between two commits. */
  #looked: { readonly state: FleetState; readonly wanted: Wanted } | undefined;
  /** Newest position it holds or was sent. */
  #told: Position | undefined;
  #inFlight: InFlight | undefined;
  #isOverdue = false;
  #turn: Turn | undefined;
  readonly #enter = (leave: () => void): void => this.#send(leave);
  #acknowledged: Position | undefined;
  /** Position of a plan that the agent took nothing of: not sent again until something changes. */
  #refused: Position | undefined;
  #rulings: readonly Ruling[] = [];
  #isQueued = false;
  #isClosed = false;
  #resyncedAt = -Infinity;

  constructor(hello: AgentHello, ports: AgentStreamPorts) {
    this.hello = hello;
    this.#ports = ports;
    this.#told = hello.held;
    this.#known = hello.held === undefined ? undefined : hello.hashes;
    this.#named = new Set(hello.hashes.keys());
  }

  /** Looks whether the agent lacks anything, and sends it in its turn. Cheap when it does not. */
  wake(): void {
    if (this.#isClosed || this.#isQueued || this.#inFlight !== undefined) return;
    const state = this.#ports.publishable();
    if (state === undefined || !this.#lacks(state)) {
      // A state of long ago is not kept alive for the sake of a look.
      this.#looked = undefined;
      return;
    }
    this.#isQueued = true;
    this.#ports.gate.pass(this.#enter);
  }

  /** Tells the agent what becomes of its own fallback, with the next delta, which is due now. */
  rule(rulings: readonly Ruling[]): void {
    this.#rulings = rulings;
    this.wake();
  }

  /** Takes an acknowledgement. A repeated one is fine; one for a plan that was never sent is UNKNOWN_REVISION. */
  acknowledge({ position, refusals }: AgentAcknowledgement): Result<void, Refusal> {
    const inFlight = this.#inFlight;
    if (inFlight === undefined || !samePosition(position, inFlight.position)) {
      if (this.#acknowledged !== undefined && samePosition(position, this.#acknowledged)) return ok(undefined);
      return refuse(unknownRevision(position));
    }
    this.#inFlight = undefined;
    this.#acknowledged = position;
    // The agent took nothing of this plan, so that what it holds now is not what was sent.
    if (refusals.some(({ service }) => service === "")) {
      this.#known = undefined;
      this.#refused = position;
    } else if (this.#named.size !== inFlight.hashes.size) this.#named = new Set(inFlight.hashes.keys());
    this.#ports.onAcknowledged(performance.now() - inFlight.sentAt);
    this.wake();
    return ok(undefined);
  }

  /** The agent's digest did not add up: it gets everything. */
  resync(): void {
    const waitMs = Math.max(0, this.#resyncedAt + RESYNC_INTERVAL_MS - performance.now());
    const begin = (): void => {
      this.#resyncedAt = performance.now();
      this.#known = undefined;
      this.#refused = undefined;
      this.#inFlight = undefined;
      this.wake();
    };
    if (waitMs === 0) begin();
    else setTimeout(begin, waitMs).unref();
  }

  /**
   * Holds what it waits for against the time: to be called now and then. One look at all streams costs less than timers
   * for each delta, of which nearly none ever end.
   */
  tend(nowMs: number): void {
    if (this.#turn !== undefined && nowMs - this.#turn.sinceMs >= WRITE_TURN_MAX_MS) this.#leave();
    if (this.#isClosed || this.#isOverdue || this.#inFlight === undefined) return;
    if (nowMs - this.#inFlight.sentAt < this.#ports.ackDeadlineMs) return;
    this.#isOverdue = true;
    this.#ports.onOverdue();
  }

  /** Sends nothing more. */
  close(): void {
    this.#isClosed = true;
    this.#leave();
  }

  /** Harmless when the gate was left already. */
  #leave(): void {
    this.#turn?.leave();
    this.#turn = undefined;
  }

  #lacks(state: FleetState): boolean {
    const wanted = this.#wantedIn(state);
    const told = this.#told;
    if (told === undefined) return wanted.hashes.size > 0;
    if (this.#refused !== undefined && samePosition(wanted.position, this.#refused)) return false;
    const order = orderOf(wanted.position, told);
    // This replica has not folded yet what another has sent; or the log is not the one the agent knows.
    if (order !== "newer" && order !== "equal") return false;
    // A recovered log: told even if the routes are the same, so that the agent takes nothing more of the lost one.
    if (wanted.position.incarnation.generation > told.incarnation.generation) return true;
    return this.#known === undefined || this.#rulings.length > 0 || differs(this.#known, wanted);
  }

  #wantedIn(state: FleetState): Wanted {
    if (this.#looked?.state !== state) this.#looked = { state, wanted: wantedBy(state, this.hello.cluster) };
    return this.#looked.wanted;
  }

  #send(leave: () => void): void {
    this.#isQueued = false;
    const state = this.#ports.publishable();
    if (this.#isClosed || this.#inFlight !== undefined || state === undefined || !this.#lacks(state)) return leave();
    const wanted = this.#wantedIn(state);
    const plan = deltaOf(
      { known: this.#known, named: this.#named, wanted, rulings: this.#rulings },
      { state, bytesOf: this.#ports.bytesOf },
    );
    const sentAt = performance.now();
    this.#inFlight = { position: wanted.position, sentAt, hashes: wanted.hashes };
    this.#known = wanted.hashes;
    for (const service of wanted.hashes.keys()) this.#named.add(service);
    this.#told = wanted.position;
    this.#rulings = [];
    this.#turn = { leave, sinceMs: sentAt };
    this.#ports.onSent();
    this.#ports.write(plan, leave);
  }
}

function samePosition(a: Position, b: Position): boolean {
  return (
    a.revision === b.revision &&
    a.epoch === b.epoch &&
    a.incarnation.id === b.incarnation.id &&
    a.incarnation.generation === b.incarnation.generation
  );
}

function unknownRevision({ epoch, revision }: Position): Refusal {
  const message = `no plan of epoch ${epoch} and revision ${revision} was sent on this stream; acknowledge what was sent`;
  return { code: "UNKNOWN_REVISION", field: "acknowledgement.position", message };
}
