import { AgentService } from "../../proto/gen/weir/v1/agent_pb.ts";
import { rpcService } from "../../src/wire/rpc.ts";
import type { AgentClock } from "../core/ports.ts";
import type { Alarms } from "./alarms.ts";
import { messageOf } from "./durable-file.ts";
import { identify } from "./identity.ts";
import type { AgentIdentity } from "./identity.ts";
import type { AgentLog } from "./log.ts";
import { call, openPlanner } from "./planner-client.ts";
import { makeSigningRequest } from "./signing-request.ts";

/** What a renewal needs. */
export interface RenewalParts {
  readonly planners: () => readonly string[];
  readonly identity: () => AgentIdentity;
  /** Stores the new identity and takes it into use. */
  readonly renewed: (identity: AgentIdentity) => Promise<void>;
  readonly clock: AgentClock;
  readonly alarms: Alarms;
  readonly log: AgentLog;
  /** Uniform in [0, 1). */
  readonly fraction: () => number;
}

const CALL_TIMEOUT_MS = 15_000;
/** Node's timers cannot wait longer. */
const TIMER_MS_MAX = 2_147_483_647;
/** Shortest and longest pause between two tries, in ms; in between it is a twentieth of what is left. */
const RETRY_MS_MIN = 5_000;
const RETRY_MS_MAX = 600_000;

/**
 * When to renew, in ms from now: at two thirds of the certificate's life, give or take 5 % of it, so that agents that
 * joined together do not renew together. Negative when it is overdue.
 */
export function renewInMs(
  { notBeforeMs, notAfterMs }: Pick<AgentIdentity, "notBeforeMs" | "notAfterMs">,
  { nowMs, fraction }: { readonly nowMs: number; readonly fraction: number },
): number {
  const lifeMs = notAfterMs - notBeforeMs;
  return notBeforeMs + lifeMs * (2 / 3 + (fraction - 0.5) * 0.1) - nowMs;
}

/**
 * Renews the certificate in time, for ever: a new key each time, signed for the identity of the certificate that is shown,
 * not for anything in the request. Raises CERT_EXPIRY once less than a third of its life is left.
 */
export class Renewal {
  readonly #parts: RenewalParts;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(parts: RenewalParts) {
    this.#parts = parts;
  }

  /** Begins to watch the certificate's life. */
  start(): void {
    this.#schedule(this.#dueInMs());
  }

  #dueInMs(): number {
    const { identity, clock, fraction } = this.#parts;
    return renewInMs(identity(), { nowMs: clock.nowMs(), fraction: fraction() });
  }

  /** Stops. */
  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
  }

  #schedule(inMs: number): void {
    if (this.#isClosed) return;
    const waitMs = Math.min(Math.max(inMs, 0), TIMER_MS_MAX);
    const isWhole = waitMs === Math.max(inMs, 0);
    this.#timer = setTimeout(() => (isWhole ? void this.#renew() : this.#schedule(inMs - waitMs)), waitMs).unref();
  }

  async #renew(): Promise<void> {
    const { clock, alarms, log, fraction, renewed } = this.#parts;
    try {
      const identity = await this.#request();
      await renewed(identity);
      alarms.clear("CERT_EXPIRY");
      log.info(
        { serial: identity.serial, notAfter: new Date(identity.notAfterMs).toISOString() },
        "certificate renewed",
      );
      // A clock that is ahead makes every certificate look old: that must not become a storm.
      this.#schedule(Math.max(RETRY_MS_MIN, this.#dueInMs()));
    } catch (cause) {
      const leftMs = this.#parts.identity().notAfterMs - clock.nowMs();
      this.#warn(leftMs, messageOf(cause));
      const pauseMs = Math.min(RETRY_MS_MAX, Math.max(RETRY_MS_MIN, leftMs / 20));
      this.#schedule(pauseMs * (0.5 + fraction()));
    }
  }

  #warn(leftMs: number, cause: string): void {
    const { alarms, log } = this.#parts;
    const { notBeforeMs, notAfterMs } = this.#parts.identity();
    log.warn({ cause, leftMs: Math.round(leftMs) }, "the certificate could not be renewed; it is tried again");
    if (leftMs > (notAfterMs - notBeforeMs) / 3) return;
    const when = new Date(notAfterMs).toISOString();
    const text = leftMs <= 0 ? `ended ${when}; join anew with a token` : `ends ${when} and cannot be renewed: ${cause}`;
    alarms.raise("CERT_EXPIRY", `the agent's certificate ${text}`);
  }

  /** Asks one planner after the other. */
  async #request(): Promise<AgentIdentity> {
    const { identity, planners } = this.#parts;
    const { keyPem, der } = await makeSigningRequest();
    let failure: unknown = new Error("no planner is known");
    for (const address of planners()) {
      const client = openPlanner(address, identity());
      try {
        const method = rpcService(AgentService).renewCertificate;
        // The next planner only if this one fails.
        const answer = await call(client, method, { message: { csr: der }, timeoutMs: CALL_TIMEOUT_MS });
        return this.#accepted({ keyPem, chainPem: answer.certificateChainPem, caPem: answer.caBundlePem });
      } catch (cause) {
        failure = cause;
      } finally {
        client.close();
      }
    }
    throw failure;
  }

  #accepted(signed: Parameters<typeof identify>[0]): AgentIdentity {
    const [before, after] = [this.#parts.identity(), identify(signed)];
    if (after.cluster !== before.cluster || after.trustDomain !== before.trustDomain)
      throw new Error(`the new certificate names ${after.cluster}, not ${before.cluster}`);
    return after;
  }
}
