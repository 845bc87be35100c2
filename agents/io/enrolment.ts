import type { ClusterId } from "../../src/model/ids.ts";
import type { Config } from "../config.ts";
import type { AgentClock } from "../core/ports.ts";
import type { AgentIdentity, IdentityFiles } from "./identity.ts";
import { identify } from "./identity.ts";
import { JoinRefused, joinFleet } from "./join.ts";
import type { AgentLog } from "./log.ts";

/** Who the agent is by now: loaded or joined once, renewed from time to time. */
export class Enrolment {
  readonly #files: IdentityFiles;
  #identity: AgentIdentity;
  #planners: readonly string[];

  constructor(files: IdentityFiles, identity: AgentIdentity, planners: readonly string[]) {
    this.#files = files;
    this.#identity = identity;
    this.#planners = planners;
  }

  identity(): AgentIdentity {
    return this.#identity;
  }

  /** host:port of every planner. */
  planners(): readonly string[] {
    return this.#planners;
  }

  cluster(): ClusterId {
    return this.#identity.cluster;
  }

  /** Stores a renewed identity and takes it into use. */
  async renew(identity: AgentIdentity): Promise<void> {
    await this.#files.save(identity);
    this.#identity = identity;
  }
}

/** What enrolling needs. */
export interface EnrolmentParts {
  readonly config: Config;
  readonly files: IdentityFiles;
  readonly uid: string;
  readonly clock: AgentClock;
  readonly log: AgentLog;
  readonly signal: AbortSignal;
}

/**
 * The stored identity, or a new one for the token. A certificate that ended joins anew if there is a token; without one
 * the agent keeps serving what it holds. Throws `JoinRefused` when there is neither identity nor valid token.
 */
export async function enrol(parts: EnrolmentParts): Promise<Enrolment> {
  const { config, files, clock, log } = parts;
  const stored = await files.load();
  const hasEnded = stored !== undefined && stored.notAfterMs <= clock.nowMs();
  const planners = async () => (config.planners.length > 0 ? config.planners : await files.planners());
  if (stored !== undefined && !(hasEnded && config.token !== undefined)) {
    if (hasEnded)
      log.error(
        { notAfter: new Date(stored.notAfterMs).toISOString() },
        "the certificate ended; join anew with a token",
      );
    return new Enrolment(files, stored, await planners());
  }
  if (config.token === undefined)
    throw new JoinRefused(
      "this agent has not joined yet: make a token with `weir cluster register` and give it in WEIR_AGENT_TOKEN",
    );
  const joined = await joinFleet({ token: config.token, uid: parts.uid, log, signal: parts.signal });
  const identity = identify(joined);
  await files.save(joined);
  await files.savePlanners(joined.planners);
  log.info({ cluster: identity.cluster, planners: joined.planners }, "joined the fleet");
  return new Enrolment(files, identity, await planners());
}
