import { X509Certificate } from "node:crypto";
import type { Refusal, RefusalCode } from "../../model/refusal.ts";
import { ok, refuse } from "../../model/result.ts";
import type { Result } from "../../model/result.ts";
import { identityOf, uriNames } from "../../wire/spiffe.ts";
import type { Identity } from "../../wire/spiffe.ts";
import { CLOCK_SKEW_MS } from "../pki/authority.ts";
import type { Authority } from "../pki/authority.ts";

/** Who is at the other end of a verified connection. */
export interface Peer {
  readonly identity: Identity;
  /** Serial of its certificate, lower-case hex. */
  readonly serial: string;
  readonly expiresAtMs: number;
  /** Its certificate is outside its time by at most ten minutes: good for a new certificate and nothing else. */
  readonly isRenewOnly: boolean;
}

/** What the TLS layer says of a peer. */
export interface Presented {
  /** DER; undefined when the client sent no certificate. */
  readonly certificate: Uint8Array | undefined;
  /** What the TLS library found, such as `CERT_HAS_EXPIRED`; undefined when it found the certificate good. */
  readonly fault: string | undefined;
}

/** Codes with which the connection ends at once: nobody known is at the other end. */
const NOBODY: ReadonlySet<RefusalCode> = new Set(["CERT_UNTRUSTED", "CERT_EXPIRED"]);

/** Whether a refusal ends the connection, rather than being told in answer to each request. */
export function endsConnection(refusal: Refusal): boolean {
  return NOBODY.has(refusal.code);
}

/** OID of clientAuth. */
const CLIENT_AUTH = "1.3.6.1.5.5.7.3.2";

/** Faults of the TLS library that the checks below judge themselves, with more to say. */
const JUDGED_HERE: ReadonlySet<string> = new Set(["CERT_HAS_EXPIRED", "CERT_NOT_YET_VALID", "INVALID_PURPOSE"]);

/**
 * Judges a client's certificate. The signature is checked here again: the TLS library names only the last thing it found,
 * so that "expired" may hide "signed by a stranger".
 *
 * Refuses CERT_UNTRUSTED, CERT_EXPIRED, CERT_USAGE, CERT_IDENTITY.
 */
export function judgePeer(presented: Presented, authority: Authority, nowMs: number): Result<Peer, Refusal> {
  if (presented.certificate === undefined) return refused("CERT_UNTRUSTED", "the client sent no certificate");
  const certificate = parse(presented.certificate);
  if (certificate === undefined) return refused("CERT_UNTRUSTED", "the client's certificate cannot be read");
  const reason = distrust(certificate, presented, authority);
  if (reason !== undefined) return refused("CERT_UNTRUSTED", reason);
  const lateMs = outsideTimeMs(certificate, nowMs);
  if (lateMs > CLOCK_SKEW_MS) return refused("CERT_EXPIRED", timeMessage(certificate));
  if (certificate.ca || !(certificate.keyUsage ?? []).includes(CLIENT_AUTH)) {
    return refused("CERT_USAGE", "the certificate is not one for clients; use the one that the planner issued");
  }
  const identity = nameIn(certificate, authority.trustDomain);
  if (!identity.ok) return identity;
  return ok({
    identity: identity.value,
    serial: certificate.serialNumber.toLowerCase(),
    expiresAtMs: certificate.validToDate.getTime(),
    isRenewOnly: lateMs > 0,
  });
}

function parse(der: Uint8Array): X509Certificate | undefined {
  try {
    return new X509Certificate(der);
  } catch {
    // The TLS library parsed it before us; if we cannot, nobody vouches for it.
    return undefined;
  }
}

function distrust(certificate: X509Certificate, presented: Presented, authority: Authority): string | undefined {
  const signer = authority.trusted.find((ca) => certificate.checkIssued(ca) && certificate.verify(ca.publicKey));
  if (signer === undefined) return "the certificate is not signed by this fleet's CA";
  if (certificate.publicKey.asymmetricKeyType !== "ec") return "the certificate's key is not an ECDSA key";
  if (presented.fault === undefined || JUDGED_HERE.has(presented.fault)) return undefined;
  return `the TLS library refuses the certificate: ${presented.fault}`;
}

/** How far now lies outside the certificate's time, in ms; 0 or less inside. */
function outsideTimeMs(certificate: X509Certificate, nowMs: number): number {
  return Math.max(certificate.validFromDate.getTime() - nowMs, nowMs - certificate.validToDate.getTime());
}

function timeMessage(certificate: X509Certificate): string {
  const { validFromDate, validToDate } = certificate;
  return `the certificate holds from ${validFromDate.toISOString()} to ${validToDate.toISOString()}; get a new one`;
}

/** Exactly one SPIFFE id of ours; other kinds of names do not count, a common name neither. */
function nameIn(certificate: X509Certificate, trustDomain: string): Result<Identity, Refusal> {
  const uris = uriNames(certificate.subjectAltName);
  if (uris.length !== 1) {
    return refused("CERT_IDENTITY", `the certificate has ${uris.length} URI names; exactly one SPIFFE id is wanted`);
  }
  const identity = identityOf(trustDomain, uris[0] ?? "");
  if (identity !== undefined) return ok(identity);
  return refused("CERT_IDENTITY", `the certificate's SPIFFE id names nobody in trust domain ${trustDomain}`);
}

function refused(code: RefusalCode, message: string): Result<never, Refusal> {
  return refuse({ code, field: "", message });
}
