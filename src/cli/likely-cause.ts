import { X509Certificate, createPrivateKey } from "node:crypto";
import { unreachable } from "./failure.ts";
import type { Failure } from "./failure.ts";
import type { Credentials, Target } from "./target.ts";

/** Signs in a transport's words of what went wrong, with what that most likely means and the way out. */
const SIGNS: readonly (readonly [RegExp, string, string])[] = [
  [/EACCES/, "may not be opened by this user", "the socket belongs to the user who runs the planner; ask as that user"],
  [/ENOENT/, "is not there", "is the planner running, and is this its listen.socket?"],
  [
    /ECONNREFUSED/,
    "refuses connections: nothing listens there",
    "is the planner running, and is this its operator port?",
  ],
  [/ENOTFOUND|EAI_AGAIN|Name resolution failed/, "has an unknown host name", "check the address of the context"],
  [
    /ETIMEDOUT|EHOSTUNREACH|ENETUNREACH/,
    "cannot be reached over the network",
    "check the network, or try another replica",
  ],
  [
    /name a planner|URI names/,
    "is no planner of this trust domain",
    "check the address: another server of the same CA answers there",
  ],
  [
    /self[- ]signed|unable to (get|verify)|local issuer|signature failure/i,
    "shows a certificate of another CA",
    "the address may belong to another installation, or its CA was replaced: run `weir login` again",
  ],
  [/certificate has expired/i, "shows a certificate that has expired", "check the clocks of both machines"],
  [/wrong version number|packet length too long/i, "does not speak TLS", "is this the planner's operator port?"],
  [
    /alert|ECONNRESET|EPIPE|socket hang up|disconnected before|closed|goaway/i,
    "ended the connection: most likely it does not accept this certificate",
    "it may be revoked, or from another CA: get a new one with `weir login`",
  ],
];

/**
 * Why no planner answered, as well as can be told from here: first what is wrong with one's own certificate, which the
 * server does not say in a handshake that it refuses, then the transport's words.
 */
export function likelyCause({ words, credentials }: Target, details: string): Failure {
  const own = credentials === undefined ? undefined : ownFault(credentials, Date.now());
  if (own !== undefined) return unreachable(own, "get a new one with `weir login`");
  const sign = SIGNS.find(([pattern]) => pattern.test(details));
  if (sign === undefined) return unreachable(`${words}: ${details}`, "is the planner running?");
  const [, meaning, hint] = sign;
  return unreachable(`${words} ${meaning}`, hint);
}

/** What is wrong with the operator's own certificate; undefined when nothing is. */
function ownFault({ certificate, key, ca, paths }: Credentials, nowMs: number): string | undefined {
  try {
    const own = new X509Certificate(certificate);
    if (own.validToDate.getTime() < nowMs) return `${paths.certificate} expired on ${own.validTo}`;
    if (own.validFromDate.getTime() > nowMs)
      return `${paths.certificate} is not valid before ${own.validFrom}; check the clock`;
    if (!own.checkPrivateKey(createPrivateKey(key))) return `${paths.key} is not the key of ${paths.certificate}`;
    const isKnown = bundleOf(ca).some((authority) => own.verify(authority.publicKey));
    return isKnown ? undefined : `${paths.certificate} was not issued by the CA in ${paths.ca}`;
  } catch (error) {
    return `the certificate of this context cannot be read: ${error instanceof Error ? error.message : String(error)}`;
  }
}

function bundleOf(pem: Buffer): readonly X509Certificate[] {
  const blocks = pem.toString("utf8").match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g) ?? [];
  return blocks.map((block) => new X509Certificate(block));
}
