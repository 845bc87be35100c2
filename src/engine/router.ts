import type { Committed, ForwardedCommand } from "../model/command.ts";
import type { Refusal } from "../model/refusal.ts";
import type { Result } from "../model/result.ts";
import { refuse } from "../model/result.ts";
import { answeredBefore } from "./answered.ts";
import { within } from "./deadline.ts";
import type { Halts } from "./halts.ts";
import type { Ledger } from "./ledger.ts";
import type { Clock, EngineLog, Leader, ReplicaBus } from "./ports.ts";
import type { EngineTiming } from "./timing.ts";
import type { Writer } from "./writer.ts";
import { noLeader } from "./writer.ts";

/** What sending commands to the leader needs. */
export interface RouterParts {
  readonly ledger: Ledger;
  readonly writer: Writer;
  readonly halts: Halts;
  readonly bus: ReplicaBus;
  readonly clock: Clock;
  readonly timing: EngineTiming;
  readonly logger: EngineLog;
  readonly leader: () => Leader | undefined;
}

/** Pause before the leader is looked for again, in ms. */
const RETRY_PAUSE_MS = 50;

/**
 * Brings a command to whoever leads, through changes of the lead, and answers once this replica has folded the record.
 * A command that surely was not taken is sent again; one that may have been is sent again only under a request id, for
 * then a repeat hears the first answer: neither lost nor doubled.
 */
export async function route(
  parts: RouterParts,
  command: ForwardedCommand,
  signal: AbortSignal,
): Promise<Result<Committed, Refusal>> {
  const { clock, halts, ledger, timing } = parts;
  const untilMs = clock.monotonicMs() + 2 * timing.leaderTimeoutMs + timing.electionSpreadMs;
  for (;;) {
    signal.throwIfAborted();
    const known = answeredBefore(ledger.state, command);
    if (known !== undefined) return known;
    const answer = await attempt(parts, command, signal);
    if (answer !== undefined && (answer.ok || answer.refusal.code !== "NO_LEADER")) return answer;
    const halt = halts.reason();
    if (halt !== undefined && halts.forbidsLead()) return refuse(halt);
    if (clock.monotonicMs() > untilMs) return answer ?? refuse(noLeader("no planner replica leads"));
    await clock.sleep(RETRY_PAUSE_MS, signal);
  }
}

/** One try; undefined: nobody to ask, or no answer and a repeat is safe. */
async function attempt(
  parts: RouterParts,
  command: ForwardedCommand,
  signal: AbortSignal,
): Promise<Result<Committed, Refusal> | undefined> {
  if (parts.writer.isLeading()) return await parts.writer.submit(command, signal);
  const leader = parts.leader();
  if (leader === undefined || leader.isSelf || !leader.isAlive) return undefined;
  return await forward(parts, { command, to: leader.replica }, signal);
}

async function forward(
  { bus, clock, ledger, logger, timing }: RouterParts,
  { command, to }: { readonly command: ForwardedCommand; readonly to: string },
  signal: AbortSignal,
): Promise<Result<Committed, Refusal> | undefined> {
  try {
    const bounded = { clock, ms: timing.forwardTimeoutMs, signal, what: `forwarding to ${to}` };
    const answer = await within(bounded, async (inner) => await bus.forward(to, command, inner));
    if (answer.ok) await ledger.reached(answer.value.sequence, signal);
    return answer;
  } catch (error) {
    signal.throwIfAborted();
    if (command.requestId === "") throw error;
    logger.debug({ to, cause: String(error) }, "forwarded command without an answer");
    return undefined;
  }
}
