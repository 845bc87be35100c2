import type { AgentIdentity } from "./identity.ts";

/** Signs in a transport's words, with what they most likely mean and the way out. */
const SIGNS: readonly (readonly [RegExp, string])[] = [
  [/ECONNREFUSED/, "nothing listens there; is the planner running, and is this its agent port?"],
  [/ENOTFOUND|EAI_AGAIN|Name resolution failed/, "the host name is unknown; check the planner's address"],
  [/ETIMEDOUT|EHOSTUNREACH|ENETUNREACH/, "the network does not lead there"],
  [/name a planner|URI names/, "whoever answers there is no planner of this fleet; check the address"],
  [
    /self[- ]signed|unable to (get|verify)|local issuer|signature failure/i,
    "the planner shows a certificate of another CA; if the fleet's CA was replaced, this cluster has to join anew",
  ],
  [/certificate has expired|not yet valid/i, "the planner's certificate is outside its time; check the clocks of both"],
  [/wrong version number|packet length too long|EPROTO/i, "it does not speak TLS; is this the planner's agent port?"],
  [
    /alert|ECONNRESET|EPIPE|socket hang up|disconnected|dropped|closed|goaway/i,
    "it ended the connection; if it goes on, it does not accept this agent's certificate, and its log says why",
  ],
];

/**
 * A transport's words of why there is no link, with what that most likely means: first what is wrong with the agent's own
 * certificate, for a server that refuses one in the handshake does not say so.
 */
export function likelyCause(details: string, identity: AgentIdentity, nowMs: number): string {
  const own = ownFault(identity, nowMs);
  const meaning = own ?? SIGNS.find(([pattern]) => pattern.test(details))?.[1];
  return meaning === undefined ? details : `${meaning} (${details})`;
}

function ownFault({ notBeforeMs, notAfterMs }: AgentIdentity, nowMs: number): string | undefined {
  if (notAfterMs < nowMs)
    return `CERT_EXPIRED: this agent's certificate ended at ${new Date(notAfterMs).toISOString()}; it has to join anew`;
  if (notBeforeMs > nowMs)
    return `CERT_EXPIRED: this agent's certificate begins at ${new Date(notBeforeMs).toISOString()}; check the clock`;
  return undefined;
}
