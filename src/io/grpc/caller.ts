import type { Refusal } from "../../model/refusal.ts";
import type { Actor } from "../../model/ids.ts";
import { ok, refuse } from "../../model/result.ts";
import type { Result } from "../../model/result.ts";
import type { Connection } from "./connection.ts";

/** Who a listener is for. */
export type Audience = "anybody" | "clusters" | "operators" | "owner";

/** Who calls, as the listener verified it. */
export interface Caller {
  /** For records and logs: `operator:ana`, `cluster:eu-west`, `socket:uid-0`, `joining:<address>`. */
  readonly actor: Actor;
  /** Name of the operator or cluster; empty for the others. */
  readonly name: string;
  /** Serial of the certificate, hex; empty without one. */
  readonly serial: string;
  /** ms since 1970; 0 without a certificate. */
  readonly certificateExpiresAtMs: number;
  /** The certificate is good for renewing itself and nothing else. */
  readonly isRenewOnly: boolean;
  readonly connection: Connection;
}

/**
 * Names the caller of a connection. Refuses what the certificate was refused for, and IDENTITY_MISMATCH when somebody
 * knocks at a listener that is for others: a cluster cannot use the operators' API, nor an operator play a cluster.
 */
export function callerOf(connection: Connection | undefined, audience: Audience): Result<Caller, Refusal> {
  if (connection === undefined) return refuse({ code: "CERT_UNTRUSTED", field: "", message: "the connection is gone" });
  const { peer, remote } = connection;
  const without = { name: "", serial: "", certificateExpiresAtMs: 0, isRenewOnly: false, connection };
  if (peer === undefined) {
    return audience === "anybody"
      ? ok({ ...without, actor: `joining:${remote}` as Actor })
      : mismatch(audience, "nobody");
  }
  if (!("ok" in peer)) {
    return audience === "owner"
      ? ok({ ...without, actor: `socket:uid-${peer.uid}` as Actor })
      : mismatch(audience, remote);
  }
  if (!peer.ok) return peer;
  const { identity, serial, expiresAtMs, isRenewOnly } = peer.value;
  const wanted = { clusters: "cluster", operators: "operator", anybody: "", owner: "" }[audience];
  const { kind, name } = identity;
  if (kind !== wanted) return mismatch(audience, `the ${kind} ${name}`);
  const actor = `${kind}:${name}` as Actor;
  return ok({ actor, name, serial, certificateExpiresAtMs: expiresAtMs, isRenewOnly, connection });
}

function mismatch(audience: Audience, who: string): Result<never, Refusal> {
  const message = `this listener is for ${audience}, and the certificate names ${who}; use the other listener`;
  return refuse({ code: "IDENTITY_MISMATCH", field: "", message });
}
