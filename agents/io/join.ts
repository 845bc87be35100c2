import { connect } from "node:tls";
import type { X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import { JoinService } from "../../proto/gen/weir/v1/agent_pb.ts";
import type { JoinResponse } from "../../proto/gen/weir/v1/agent_pb.ts";
import { decodeJoinToken } from "../../src/wire/join-token.ts";
import type { JoinTicket } from "../../src/wire/join-token.ts";
import { rpcService } from "../../src/wire/rpc.ts";
import { uriNames } from "../../src/wire/spiffe.ts";
import { fullJitterMs, pause } from "./clock.ts";
import { messageOf } from "./durable-file.ts";
import { certificatesIn, identify, pinOf } from "./identity.ts";
import type { SignedCertificate } from "./identity.ts";
import type { AgentLog } from "./log.ts";
import { CallFailure, call, openPlanner, splitAddress } from "./planner-client.ts";
import { makeSigningRequest } from "./signing-request.ts";
import type { SigningRequest } from "./signing-request.ts";

/** What joining brings. */
export interface Joined extends SignedCertificate {
  /** host:port of every planner. */
  readonly planners: readonly string[];
}

/** A join that no further try will mend; the message says what to do. */
export class JoinRefused extends Error {}

/** How to join. */
export interface JoinOptions {
  readonly token: string;
  readonly uid: string;
  readonly log: AgentLog;
  readonly signal: AbortSignal;
  /** For tests: longest pause between tries, in ms. */
  readonly backOffMs?: number;
}

const CONNECT_TIMEOUT_MS = 5_000;
const CALL_TIMEOUT_MS = 15_000;
const BACK_OFF_MS_MAX = 15_000;

/**
 * Redeems a join token: finds a planner whose authority has the pinned key, makes a key here, has it signed. Tries again,
 * with full jitter and the same key, while no planner answers: a token is used up for a key, and the answer may be what
 * was lost. Throws `JoinRefused` when one says no, or when every listener shows another authority. Nothing of the token is sent before the authority's key is the pinned one: without that, anybody in
 * between could take it.
 */
export async function joinFleet(options: JoinOptions): Promise<Joined> {
  const { token, log, signal } = options;
  const ticket = decodeJoinToken(token);
  if (!ticket.ok) throw new JoinRefused(`${ticket.refusal.code}: ${ticket.refusal.message}`);
  const signing = await makeSigningRequest();
  for (let failures = 0; !signal.aborted; failures += 1) {
    const address = ticket.value.addresses[failures % ticket.value.addresses.length] ?? "";
    try {
      return await joinAt(address, { ticket: ticket.value, signing }, options);
    } catch (cause) {
      if (cause instanceof JoinRefused) throw cause;
      log.warn({ address, cause: messageOf(cause) }, "cannot join yet");
    }
    const capMs = options.backOffMs ?? BACK_OFF_MS_MAX;
    await pause(fullJitterMs(failures, { baseMs: 500, capMs, fraction: Math.random() }), signal);
  }
  throw new JoinRefused("stopped before a planner answered");
}

async function joinAt(
  address: string,
  { ticket, signing }: { readonly ticket: JoinTicket; readonly signing: SigningRequest },
  { token, uid }: JoinOptions,
): Promise<Joined> {
  const authority = await pinnedAuthority(address, ticket.pin);
  const { keyPem, der } = signing;
  const client = openPlanner(address, authority);
  try {
    const message = { token, csr: der, clusterUid: uid };
    const response = await call(client, rpcService(JoinService).join, { message, timeoutMs: CALL_TIMEOUT_MS });
    return accepted(response, { keyPem, pin: ticket.pin });
  } catch (cause) {
    if (isFinal(cause)) throw new JoinRefused(cause.message, { cause });
    throw cause;
  } finally {
    client.close();
  }
}

/** Refusals that speak of the planner's moment, not of the token: they pass. */
const PASSING: ReadonlySet<string> = new Set([
  "NO_LEADER",
  "STORE_ROLLED_BACK",
  "STORE_CORRUPT",
  "STORE_CONFIG",
  "INPUTS_MOVED",
]);

function isFinal(cause: unknown): cause is CallFailure {
  return cause instanceof CallFailure && cause.refusal !== undefined && !PASSING.has(cause.refusal.code);
}

function accepted(response: JoinResponse, { keyPem, pin }: { readonly keyPem: string; readonly pin: string }): Joined {
  const { certificateChainPem: chainPem, caBundlePem: caPem, plannerAddresses: planners } = response;
  if (!certificatesIn(caPem).some((certificate) => pinOf(certificate) === pin))
    throw new JoinRefused("the planner's answer does not trust the authority that the token pins");
  const identity = identify({ keyPem, chainPem, caPem });
  if (planners.length === 0) throw new JoinRefused("the planner's answer names no planner to connect to");
  return { keyPem, chainPem: identity.chainPem, caPem, planners };
}

/** The authority above the server at an address, if its key is the pinned one. Sends nothing but a TLS handshake. */
async function pinnedAuthority(
  address: string,
  pin: string,
): Promise<{ readonly caPem: string; readonly trustDomain: string }> {
  const chain = await chainShownAt(address);
  const authority = chain.find((certificate) => pinOf(certificate) === pin && certificate.ca);
  if (authority === undefined) {
    const shown = chain.map(pinOf).join(", ") || "none";
    throw new JoinRefused(
      `CERT_UNTRUSTED: ${address} does not show the authority that the token pins (keys shown: ${shown}); ` +
        "make the token at the planner that this cluster shall join, and look for who answers in between",
    );
  }
  const [leaf] = chain;
  const trustDomain = /^spiffe:\/\/([^/]+)\//.exec(uriNames(leaf?.subjectAltName)[0] ?? "")?.[1] ?? "";
  return { caPem: authority.toString(), trustDomain };
}

/** Certificates that a server shows, leaf first. They are only looked at: the call that follows verifies them in full. */
async function chainShownAt(address: string): Promise<readonly X509Certificate[]> {
  const { host, port } = splitAddress(address);
  const named = isIP(host) === 0 ? { servername: host } : {};
  // Nothing is sent on this connection, and nothing that it shows is trusted before its key is the pinned one.
  const socket = connect({
    host,
    port,
    ...named,
    rejectUnauthorized: false,
    minVersion: "TLSv1.3",
    ALPNProtocols: ["h2"],
  });
  try {
    return await new Promise((resolve, reject) => {
      socket.setTimeout(CONNECT_TIMEOUT_MS, () => reject(new Error(`${address} does not answer`)));
      socket.once("error", reject);
      socket.once("close", () => reject(new Error(`${address} closed the connection`)));
      socket.once("secureConnect", () => resolve(chainOf(socket.getPeerX509Certificate())));
    });
  } finally {
    socket.destroy();
  }
}

const CHAIN_LENGTH_MAX = 8;

function chainOf(leaf: X509Certificate | undefined): readonly X509Certificate[] {
  const chain: X509Certificate[] = [];
  for (let next = leaf; next !== undefined && chain.length < CHAIN_LENGTH_MAX; next = next.issuerCertificate)
    chain.push(next);
  return chain;
}
