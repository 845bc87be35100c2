import type { Refusal } from "../model/refusal.ts";
import { ok, refuse } from "../model/result.ts";
import type { Result } from "../model/result.ts";
import { badName } from "../model/names.ts";

/** What a cluster needs to join, and nothing more. Shown once; the planner keeps only the secret's hash. */
export interface JoinTicket {
  /** host:port of each replica's join listener. */
  readonly addresses: readonly string[];
  /** SHA-256 of the CA's public key (SubjectPublicKeyInfo), lower-case hex: whom to trust before any certificate. */
  readonly pin: string;
  /** Base64url. Whoever has it may join as `cluster`, once. */
  readonly secret: string;
  readonly cluster: string;
}

/** One text for everything that can be wrong with a token, so that an answer tells nothing about the tokens there are. */
export const TOKEN_INVALID: Refusal = {
  code: "TOKEN_INVALID",
  field: "token",
  message: "the join token is not valid; make a new one with `weir cluster register` and use it once, within its hour",
};

const PREFIX = "weir1.";

/** Longest token that is looked at. */
const TOKEN_LENGTH_MAX = 4_096;

/** The text form: `weir1.` and the base64url of its JSON. */
export function encodeJoinToken({ addresses, pin, secret, cluster }: JoinTicket): string {
  const json = JSON.stringify({ addresses, pin, secret, cluster });
  return PREFIX + Buffer.from(json, "utf8").toString("base64url");
}

/** Reads a token. Refuses TOKEN_INVALID for anything that `encodeJoinToken` does not make. */
export function decodeJoinToken(token: string): Result<JoinTicket, Refusal> {
  const ticket = ticketOf(token);
  return ticket === undefined ? refuse(TOKEN_INVALID) : ok(ticket);
}

function ticketOf(token: string): JoinTicket | undefined {
  if (token.length > TOKEN_LENGTH_MAX || !token.startsWith(PREFIX)) return undefined;
  const body = token.slice(PREFIX.length);
  if (!/^[A-Za-z0-9_-]+$/.test(body)) return undefined;
  const value = parsed(Buffer.from(body, "base64url").toString("utf8"));
  return isTicket(value) ? value : undefined;
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    // Not JSON is one of the many ways in which a token can be wrong; the caller says so.
    return undefined;
  }
}

function isTicket(value: unknown): value is JoinTicket {
  if (typeof value !== "object" || value === null) return false;
  const { addresses, pin, secret, cluster } = value as Record<string, unknown>;
  return (
    Array.isArray(addresses) &&
    addresses.length > 0 &&
    addresses.every((address) => typeof address === "string" && address.length > 0 && address.length <= 300) &&
    typeof pin === "string" &&
    /^[0-9a-f]{64}$/.test(pin) &&
    typeof secret === "string" &&
    /^[A-Za-z0-9_-]{16,128}$/.test(secret) &&
    typeof cluster === "string" &&
    badName(cluster) === undefined
  );
}
