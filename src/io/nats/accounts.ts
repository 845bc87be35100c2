import { encodeAccount, encodeOperator, encodeUser, fmtCreds, newScopedSigner } from "@nats-io/jwt";
import type { Account, UserPermissionsLimits } from "@nats-io/jwt";
import { createAccount, createOperator, createUser, fromSeed } from "@nats-io/nkeys";
import type { KeyPair } from "@nats-io/nkeys";
import { badName } from "../../model/names.ts";
import { assert } from "../../model/result.ts";
import {
  LOG_STREAM,
  LOG_SUBJECT,
  PLANNER_INBOX_PREFIX,
  PLANNER_PREFIX,
  REPORT_KINDS,
  REPORT_PREFIX,
  SNAPSHOT_PREFIX,
  SNAPSHOT_STREAM,
  agentInboxPrefix,
  reportSubject,
} from "./subjects.ts";

/** What the planner mints agents' credentials with. A secret: it can speak for every cluster, and do nothing else. */
export interface FleetSigner {
  /** Public key of the fleet account. */
  readonly account: string;
  /** Seed of the account's scoped signing key. */
  readonly signingSeed: string;
}

/** The broker's identities, made once. */
export interface BusFoundation {
  /** Seed of the operator. Nothing that runs needs it: keep it away from the servers. */
  readonly operatorSeed: string;
  readonly operatorJwt: string;
  /** Public keys and JWTs of the accounts. */
  readonly system: AccountIdentity;
  readonly planner: AccountIdentity;
  readonly fleet: AccountIdentity;
  /** Credentials file of the planner replicas. */
  readonly plannerCreds: string;
  /** Credentials file for looking at the servers (`nats server report`). */
  readonly systemCreds: string;
  readonly fleetSigner: FleetSigner;
}

/** One account as the servers have to know it. */
export interface AccountIdentity {
  readonly publicKey: string;
  readonly jwt: string;
}

/** Name of the scope under which agents' credentials are minted. */
const AGENT_ROLE = "agent";

/** Largest report an agent may publish, in bytes: parts of windows are at most 48 KiB. */
const AGENT_PAYLOAD_MAX = 64 * 1_024;
const AGENT_SUBSCRIPTIONS_MAX = 10;

/** Longest life of an agent's credentials. */
export const AGENT_CREDENTIALS_MS_MAX = 3_600_000;

/**
 * Makes operator, accounts and planner credentials for NATS in operator mode. The planner account holds the log; the
 * fleet account holds the agents and exports their reports to it; neither can see anything else of the other.
 */
export async function foundBus(): Promise<BusFoundation> {
  const operator = createOperator();
  const [system, planner, fleet, fleetSigning] = [createAccount(), createAccount(), createAccount(), createAccount()];
  const systemKey = system.getPublicKey();
  return {
    operatorSeed: textOf(operator.getSeed()),
    operatorJwt: await encodeOperator("weir", operator, { system_account: systemKey }),
    system: await identityOf(operator, system, { name: "weir-system", claims: SYSTEM_CLAIMS }),
    planner: await identityOf(operator, planner, { name: "weir-planner", claims: plannerClaims(fleet) }),
    fleet: await identityOf(operator, fleet, { name: "weir-fleet", claims: fleetClaims(fleetSigning) }),
    plannerCreds: await userCreds(planner, "planner", PLANNER_PERMISSIONS),
    systemCreds: await userCreds(system, "system", {}),
    fleetSigner: { account: fleet.getPublicKey(), signingSeed: textOf(fleetSigning.getSeed()) },
  };
}

interface AccountPlan {
  readonly name: string;
  readonly claims: Partial<Account>;
}

async function identityOf(
  operator: KeyPair,
  account: KeyPair,
  { name, claims }: AccountPlan,
): Promise<AccountIdentity> {
  return { publicKey: account.getPublicKey(), jwt: await encodeAccount(name, account, claims, { signer: operator }) };
}

/** -1: no limit. The library's own default is no JetStream at all, and no exports. */
const UNLIMITED = { subs: -1, data: -1, payload: -1, imports: -1, exports: -1, wildcards: true, conn: -1, leaf: 0 };
const JETSTREAM_LIMITS = { mem_storage: -1, disk_storage: -1, streams: -1, consumer: -1 };

const SYSTEM_CLAIMS: Partial<Account> = { limits: UNLIMITED };

function plannerClaims(fleet: KeyPair): Partial<Account> {
  const subject = `${REPORT_PREFIX}.>`;
  return {
    limits: { ...UNLIMITED, ...JETSTREAM_LIMITS },
    imports: [{ name: "reports", subject, account: fleet.getPublicKey(), type: "stream" }],
  };
}

function fleetClaims(signing: KeyPair): Partial<Account> {
  return {
    limits: UNLIMITED,
    exports: [{ name: "reports", subject: `${REPORT_PREFIX}.>`, type: "stream" }],
    signing_keys: [newScopedSigner(signing, AGENT_ROLE, agentScope())],
  };
}

/**
 * What any agent may do, by its name alone. The servers hold this template, so that even whoever steals the signing key
 * can do no more than report. Allow-lists only: deny-lists had bypasses.
 */
function agentScope(): Partial<UserPermissionsLimits> {
  const name = "{{name()}}";
  return {
    pub: { allow: REPORT_KINDS.map((kind) => reportSubject(name, kind)), deny: [] },
    sub: { allow: [`${agentInboxPrefix(name)}.>`], deny: [] },
    subs: AGENT_SUBSCRIPTIONS_MAX,
    payload: AGENT_PAYLOAD_MAX,
    data: -1,
    bearer_token: false,
    allowed_connection_types: ["STANDARD"],
  };
}

/** What a planner replica may do: the log, the snapshots, talk among planners, hear reports. No stream is ever deleted. */
const PLANNER_PERMISSIONS: Partial<UserPermissionsLimits> = {
  pub: {
    allow: [
      LOG_SUBJECT,
      `${SNAPSHOT_PREFIX}.>`,
      `${PLANNER_PREFIX}.>`,
      `${PLANNER_INBOX_PREFIX}.>`,
      "$JS.API.INFO",
      ...[LOG_STREAM, SNAPSHOT_STREAM].flatMap(streamApi),
      "$JS.ACK.>",
    ],
    deny: [],
  },
  sub: { allow: [`${PLANNER_PREFIX}.>`, `${PLANNER_INBOX_PREFIX}.>`, `${REPORT_PREFIX}.>`], deny: [] },
};

function streamApi(stream: string): readonly string[] {
  const onStream = ["CREATE", "UPDATE", "INFO", "PURGE", "MSG.GET"].map((verb) => `$JS.API.STREAM.${verb}.${stream}`);
  const onConsumers = ["CREATE", "MSG.NEXT", "INFO", "DELETE"].map((verb) => `$JS.API.CONSUMER.${verb}.${stream}.>`);
  return [...onStream, ...onConsumers, `$JS.API.CONSUMER.CREATE.${stream}`];
}

async function userCreds(account: KeyPair, name: string, permissions: Partial<UserPermissionsLimits>): Promise<string> {
  const user = createUser();
  return textOf(fmtCreds(await encodeUser(name, user, account, permissions), user));
}

/** Credentials of one agent, and when the servers end its connection. */
export interface MintedCredentials {
  readonly credentials: string;
  readonly expiresAtMs: number;
}

/** For whom and how long. */
export interface Minting {
  readonly cluster: string;
  readonly nowMs: number;
  /** At most `AGENT_CREDENTIALS_MS_MAX`. */
  readonly lifeMs: number;
}

/**
 * Mints the credentials with which one agent may publish its own cluster's reports and do nothing else. Asks no server;
 * they end by themselves, so that not renewing them is a revocation.
 */
export async function mintAgentCredentials(signer: FleetSigner, minting: Minting): Promise<MintedCredentials> {
  const { cluster, nowMs, lifeMs } = minting;
  assert(badName(cluster) === undefined, `${cluster} names a cluster: it becomes part of a subject`);
  assert(lifeMs > 0 && lifeMs <= AGENT_CREDENTIALS_MS_MAX, "agents' credentials live at most an hour");
  const user = createUser();
  const exp = Math.floor((nowMs + lifeMs) / 1_000);
  const options = { signer: fromSeed(new TextEncoder().encode(signer.signingSeed)), scopedUser: true, exp };
  // A scoped user carries no permissions of its own: the account's template holds.
  const jwt = await encodeUser(cluster, user, signer.account, {}, options);
  return { credentials: textOf(fmtCreds(jwt, user)), expiresAtMs: exp * 1_000 };
}

function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
