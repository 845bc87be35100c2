import { isIP } from "node:net";
import { spiffeId } from "../../wire/spiffe.ts";
import type { Identity } from "../../wire/spiffe.ts";
import { CLOCK_SKEW_MS, newSerial } from "./authority.ts";
import type { Authority } from "./authority.ts";
import { signLeaf } from "./x509.ts";

/** A signed certificate. */
export interface Issued {
  /** PEM, leaf first, then the CA, so that a client that knows only the CA's pin can find it. */
  readonly chainPem: string;
  /** Hex, lower case, as logs and the fleet's state have it. */
  readonly serial: string;
  readonly expiresAtMs: number;
}

/** What to sign. The name always comes from the planner, never from whoever asks. */
export interface Issue {
  readonly identity: Identity;
  /** DER of the SubjectPublicKeyInfo. */
  readonly publicKey: Uint8Array;
  readonly nowMs: number;
  readonly ttlMs: number;
  /** Host names and addresses under which a server is dialled; none for clients. */
  readonly hosts?: readonly string[];
}

/** Signs a certificate for a client or a planner's server. */
export async function issue(authority: Authority, wanted: Issue): Promise<Issued> {
  const { identity, publicKey, nowMs, ttlMs, hosts = [] } = wanted;
  const serial = newSerial();
  const names = [
    { type: "url" as const, value: spiffeId(authority.trustDomain, identity) },
    ...hosts.map((host) => ({ type: isIP(host) === 0 ? ("dns" as const) : ("ip" as const), value: host })),
  ];
  // Certificates count whole seconds: what is promised is what the certificate says.
  const expiresAtMs = Math.floor((nowMs + ttlMs) / 1_000) * 1_000;
  const validity = { notBeforeMs: nowMs - backdatedByMs(identity, ttlMs), notAfterMs: expiresAtMs };
  const leafPem = await signLeaf({ kind: identity.kind, names, publicKey, serial, validity }, authority);
  return { chainPem: leafPem + authority.certificatePem, serial, expiresAtMs };
}

/**
 * A clock that runs behind must still find a new certificate valid. Clients renew by the share of the life that is over,
 * so that theirs must not begin with most of it over.
 */
function backdatedByMs({ kind }: Identity, ttlMs: number): number {
  return kind === "planner" ? CLOCK_SKEW_MS : Math.min(CLOCK_SKEW_MS, ttlMs / 10);
}
