import type { Committed, ForwardedCommand } from "../model/command.ts";
import type { ReplicaHeartbeat } from "../model/heartbeat.ts";
import type { Refusal } from "../model/refusal.ts";
import { refuse } from "../model/result.ts";
import type { Result } from "../model/result.ts";
import { expiring } from "./deadline.ts";
import type { Election } from "./election.ts";
import type { Halts } from "./halts.ts";
import type { Ledger } from "./ledger.ts";
import type { LogTime } from "./log-time.ts";
import type { Observation } from "./observation.ts";
import type { Peers } from "./peers.ts";
import type { Clock, ReplicaBus } from "./ports.ts";
import type { EngineTiming } from "./timing.ts";
import type { Twin } from "./twin.ts";
import { noLeader } from "./writer.ts";
import type { Writer } from "./writer.ts";

/** What talking with the other replicas needs. */
export interface TalkParts {
  readonly replica: string;
  /** New at every start. */
  readonly bootId: string;
  readonly knows: readonly string[];
  readonly operatorAddress: string;
  readonly bus: ReplicaBus;
  readonly clock: Clock;
  readonly timing: EngineTiming;
  readonly ledger: Ledger;
  readonly halts: Halts;
  readonly logTime: LogTime;
  readonly peers: Peers;
  readonly twin: Twin;
  readonly writer: Writer;
  readonly election: Election;
  readonly observation: Observation;
}

/** What this replica says to the others and hears from them: heartbeats, and commands for whoever leads. */
export class ReplicaTalk {
  readonly #parts: TalkParts;
  readonly #life: AbortSignal;
  readonly #stops: (() => void)[] = [];
  #isLeaving = false;

  constructor(parts: TalkParts, life: AbortSignal) {
    this.#parts = parts;
    this.#life = life;
  }

  /** Listens from now on. */
  open(): void {
    const { bus, halts, replica } = this.#parts;
    this.#stops.push(
      bus.onHeartbeat((heartbeat) => this.#hear(heartbeat)),
      bus.onForward(replica, async (command) => await this.#answer(command)),
      // Whoever asks another replica how this one is should not hear for half a second that all is well.
      halts.onReason(() => this.say()),
    );
  }

  /** Takes no more commands: what it says from now on tells the others to lead. */
  leave(): void {
    this.#isLeaving = true;
  }

  /** Says the last word, upon which somebody takes the lead at once, and listens no more. */
  close(): void {
    this.say();
    for (const stop of this.#stops.splice(0)) stop();
  }

  /** Publishes a heartbeat. */
  say(): void {
    this.#parts.bus.publishHeartbeat(this.#heartbeat());
  }

  #heartbeat(): ReplicaHeartbeat {
    const { replica, bootId, knows, operatorAddress, ledger, halts, twin, writer, observation } = this.#parts;
    const { epoch, sequence } = ledger.state;
    return {
      replica,
      epoch,
      isLeading: writer.isLeading() && !this.#isLeaving,
      sequence,
      knows,
      streams: observation.openStreams(),
      operatorAddress,
      logTimeMs: observation.logTimeMs(),
      bootId,
      upForMs: twin.upForMs(),
      halted: haltWords(halts.reason()),
    };
  }

  #hear(heartbeat: ReplicaHeartbeat): void {
    const { twin, peers, ledger, election, logTime } = this.#parts;
    if (twin.hear(heartbeat)) return;
    if (!peers.hear(heartbeat)) return;
    const { holder, epoch } = ledger.state;
    if (heartbeat.replica !== holder || heartbeat.epoch < epoch) return;
    if (!heartbeat.isLeading) return void election.leaderLeft(this.#life);
    election.heardLeader();
    logTime.adopt(heartbeat.logTimeMs);
  }

  async #answer(command: ForwardedCommand): Promise<Result<Committed, Refusal>> {
    const { replica, halts, writer, clock, timing } = this.#parts;
    // What is meant for the twin is the twin's to answer; the sender takes silence for no answer, and asks again.
    if (halts.isTwin()) throw new Error("another process has this replica's name");
    if (this.#isLeaving || !writer.isLeading()) return refuse(noLeader(`${replica} does not lead`));
    const bounded = { clock, ms: timing.forwardTimeoutMs, signal: this.#life, what: "a forwarded command" };
    return await expiring(bounded, async (signal) => await writer.submit(command, signal));
  }
}

function haltWords(refusal: Refusal | undefined): string {
  return refusal === undefined ? "" : `${refusal.code}: ${refusal.message}`;
}
