// The library needs its metadata polyfill before its own first line runs.
import "reflect-metadata";
import { createPublicKey } from "node:crypto";
import { BasicConstraintsExtension, KeyUsageFlags, KeyUsagesExtension } from "@peculiar/x509";
import type { Pkcs10CertificateRequest } from "@peculiar/x509";
import type { Refusal } from "../../model/refusal.ts";
import { ok, refuse } from "../../model/result.ts";
import type { Result } from "../../model/result.ts";
import { parseRequest } from "./x509.ts";

/** What of a signing request counts. */
export interface SigningRequest {
  /** DER of the SubjectPublicKeyInfo: the only thing that is taken from the request. */
  readonly publicKey: Uint8Array;
  /** Names the requester wrote into it; ignored, and worth a line in the log. */
  readonly ignoredNames: readonly string[];
}

/** A request for a P-256 key has about 220 bytes; nothing legitimate comes near this. */
const CSR_LENGTH_MAX = 16_384;

const CURVES: ReadonlySet<string | undefined> = new Set(["prime256v1", "secp384r1"]);

/** OID of subjectAltName. */
const SUBJECT_ALT_NAME = "2.5.29.17";

/**
 * Reads a PKCS#10 request. Refuses CSR_REFUSED when it is no such thing, is not signed by its own key, has a key other
 * than ECDSA P-256 or P-384, or asks for the powers of a CA. Names in it count for nothing.
 */
export async function readSigningRequest(der: Uint8Array): Promise<Result<SigningRequest, Refusal>> {
  if (der.length === 0 || der.length > CSR_LENGTH_MAX) {
    return refused(`has ${der.length} bytes; 1 to ${CSR_LENGTH_MAX} are allowed`);
  }
  try {
    const request = parseRequest(der);
    const reason = weakness(request) ?? powers(request) ?? (await forgery(request));
    if (reason !== undefined) return refused(reason);
    return ok({ publicKey: new Uint8Array(request.publicKey.rawData), ignoredNames: namesIn(request) });
  } catch {
    // Whatever the parser chokes on, the answer is the same; its words are about ASN.1, not about the way out.
    return refused("is not a PKCS#10 request in DER");
  }
}

function weakness(request: Pkcs10CertificateRequest): string | undefined {
  const key = createPublicKey({ key: Buffer.from(request.publicKey.rawData), format: "der", type: "spki" });
  const { namedCurve, modulusLength } = key.asymmetricKeyDetails ?? {};
  if (key.asymmetricKeyType === "ec" && CURVES.has(namedCurve)) return undefined;
  const size = namedCurve ?? (modulusLength === undefined ? "" : `${modulusLength} bits`);
  return `has a key of kind ${key.asymmetricKeyType ?? "unknown"} ${size}`.trimEnd();
}

function powers(request: Pkcs10CertificateRequest): string | undefined {
  for (const extension of request.extensions) {
    if (extension instanceof BasicConstraintsExtension && extension.ca) return "asks to be a CA";
    if (extension instanceof KeyUsagesExtension && (extension.usages & KeyUsageFlags.keyCertSign) !== 0) {
      return "asks for the right to sign certificates";
    }
  }
  return undefined;
}

async function forgery(request: Pkcs10CertificateRequest): Promise<string | undefined> {
  return (await request.verify()) ? undefined : "is not signed by the key in it";
}

function namesIn(request: Pkcs10CertificateRequest): readonly string[] {
  const alternative = request.extensions.some(({ type }) => type === SUBJECT_ALT_NAME);
  return [...(request.subject === "" ? [] : [request.subject]), ...(alternative ? ["subject alternative names"] : [])];
}

function refused(reason: string): Result<never, Refusal> {
  return refuse({
    code: "CSR_REFUSED",
    field: "csr",
    message: `the signing request ${reason}; send a PKCS#10 request with an ECDSA P-256 or P-384 key and no CA rights`,
  });
}
