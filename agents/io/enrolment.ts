import { createHash } from "node:crypto";
import type { ClusterId } from "../../src/model/ids.ts";
import { decodeJoinToken } from "../../src/wire/join-token.ts";
import type { Config } from "../config/settings.ts";
import type { AgentClock } from "../core/ports.ts";
import { messageOf } from "./durable-file.ts";
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

/** How long a new token is tried before an agent that has an identity already goes on with that one, in ms. */
const REJOIN_MS = 30_000;

/**
 * The stored identity, or a new one for the token. A token that the stored identity was not joined with joins anew: the
 * cluster was revoked, or the planner's log was lost. When that token is no good either, or no planner answers, the agent
 * goes on with what it has, a certificate that ended included: it keeps serving what it holds. Throws `JoinRefused` when
 * there is neither identity nor valid token, and when the token is for another cluster.
 */
export async function enrol(parts: EnrolmentParts): Promise<Enrolment> {
  const { config, files, clock, log } = parts;
  const stored = await files.load();
  const hasEnded = stored !== undefined && stored.notAfterMs <= clock.nowMs();
  if (stored !== undefined && (config.token === undefined || !(hasEnded || (await isNews(config.token, files))))) {
    if (hasEnded) log.error({ notAfter: new Date(stored.notAfterMs).toISOString() }, ENDED);
    return new Enrolment(files, stored, await plannersOf(parts));
  }
  if (config.token === undefined)
    throw new JoinRefused(
      "this agent has not joined yet: make a token with `weir cluster register` and give it in WEIR_AGENT_TOKEN",
    );
  return stored === undefined
    ? await join(parts, config.token, parts.signal)
    : await joinAnew(parts, config.token, stored);
}

const ENDED = "the certificate ended; join anew with a token";

/** Whether the token is not the one that the stored identity came from. One that nobody noted is taken for the same. */
async function isNews(token: string, files: IdentityFiles): Promise<boolean> {
  const known = await files.joinedWith();
  return known !== undefined && known !== hashOf(token);
}

function hashOf(token: string): string {
  return createHash("sha256").update(token).digest("hex");
}

async function plannersOf({ config, files }: EnrolmentParts): Promise<readonly string[]> {
  return config.planners.length > 0 ? config.planners : await files.planners();
}

async function join(parts: EnrolmentParts, token: string, signal: AbortSignal): Promise<Enrolment> {
  const { files, log } = parts;
  const joined = await joinFleet({ token, uid: parts.uid, log, signal });
  const identity = identify(joined);
  await files.save(joined);
  await files.savePlanners(joined.planners);
  await files.saveJoinedWith(hashOf(token));
  log.info({ cluster: identity.cluster, planners: joined.planners }, "joined the fleet");
  return new Enrolment(files, identity, await plannersOf(parts));
}

async function joinAnew(parts: EnrolmentParts, token: string, stored: AgentIdentity): Promise<Enrolment> {
  const ticket = decodeJoinToken(token);
  if (ticket.ok && ticket.value.cluster !== stored.cluster)
    throw new JoinRefused(
      `the token is for ${ticket.value.cluster}, but this folder is ${stored.cluster}'s: use another dataDir`,
    );
  try {
    return await join(parts, token, AbortSignal.any([parts.signal, AbortSignal.timeout(REJOIN_MS)]));
  } catch (cause) {
    parts.log.error({ cause: messageOf(cause) }, "cannot join anew; goes on with the identity it has");
    return new Enrolment(parts.files, stored, await plannersOf(parts));
  }
}
