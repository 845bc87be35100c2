import { X509Certificate, createHash, createPrivateKey, randomBytes } from "node:crypto";
import type { webcrypto } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import type { Refusal } from "../../model/refusal.ts";
import { ok, refuse } from "../../model/result.ts";
import type { Result } from "../../model/result.ts";
import { uriNames } from "../../wire/spiffe.ts";
import { exportKeyPem, importKey, makeCaCertificate, makeKeys } from "./x509.ts";

/** The fleet's certificate authority: signs every agent's, operator's and planner's certificate. */
export interface Authority {
  readonly trustDomain: string;
  /** What everybody trusts. One certificate, or several while the CA is exchanged; the first one signs. */
  readonly bundlePem: string;
  readonly certificatePem: string;
  readonly trusted: readonly X509Certificate[];
  /** SHA-256 of the signing CA's SubjectPublicKeyInfo, lower-case hex. */
  readonly pin: string;
  readonly signingKey: webcrypto.CryptoKey;
}

const DAY_MS = 86_400_000;

/** Ten years: changing it means telling every agent, and its key signs leaves that live for days. */
const CA_LIFE_MS = 3_650 * DAY_MS;

/** A clock that runs behind must still find a new certificate valid. */
export const CLOCK_SKEW_MS = 600_000;

/** Makes a new CA. The private key is returned once, as PKCS#8 PEM, for whoever stores it. */
export async function createAuthority(options: {
  readonly trustDomain: string;
  readonly nowMs: number;
}): Promise<{ readonly authority: Authority; readonly keyPem: string }> {
  const { trustDomain, nowMs } = options;
  const keys = await makeKeys();
  const certificatePem = await makeCaCertificate(keys, {
    trustDomain,
    serial: newSerial(),
    validity: { notBeforeMs: nowMs - CLOCK_SKEW_MS, notAfterMs: nowMs + CA_LIFE_MS },
  });
  const keyPem = await exportKeyPem(keys.privateKey);
  return { authority: authorityOf({ trustDomain, bundlePem: certificatePem, signingKey: keys.privateKey }), keyPem };
}

/** Files of a CA. */
export interface AuthorityFiles {
  /** PEM; may hold several certificates, of which the first belongs to the key. */
  readonly caCertificate: string;
  /** PKCS#8 or SEC1 PEM, readable by its owner alone. */
  readonly caKey: string;
}

/**
 * Loads the CA. Refuses FIELD_INVALID, naming the configuration key and the way out, when a file is missing, is not what
 * it should be, belongs to another trust domain, or when others can read the key.
 */
export async function loadAuthority(files: AuthorityFiles, trustDomain: string): Promise<Result<Authority, Refusal>> {
  const bundle = await readText(files.caCertificate, "pki.caCertificate");
  if (!bundle.ok) return bundle;
  const key = await readPrivateText(files.caKey, "pki.caKey");
  if (!key.ok) return key;
  try {
    const pkcs8 = createPrivateKey(key.value).export({ type: "pkcs8", format: "der" });
    const signingKey = await importKey(pkcs8);
    const authority = authorityOf({ trustDomain, bundlePem: bundle.value, signingKey });
    return checked(authority, { files, keyPem: key.value });
  } catch (error) {
    return invalid("pki.caKey", `${files.caKey} or ${files.caCertificate} cannot be used: ${reasonOf(error)}`);
  }
}

function checked(
  authority: Authority,
  { files, keyPem }: { files: AuthorityFiles; keyPem: string },
): Result<Authority, Refusal> {
  const [first] = authority.trusted;
  if (first === undefined) return invalid("pki.caCertificate", `${files.caCertificate} holds no certificate`);
  if (!first.checkPrivateKey(createPrivateKey(keyPem))) {
    return invalid("pki.caKey", `${files.caKey} is not the key of the first certificate in ${files.caCertificate}`);
  }
  const [domain = ""] = uriNames(first.subjectAltName);
  if (!first.ca || domain !== `spiffe://${authority.trustDomain}`) {
    const wanted = `a CA of trust domain "${authority.trustDomain}"`;
    return invalid("trustDomain", `${files.caCertificate} is not ${wanted} but of "${domain}"; make it with weir init`);
  }
  return ok(authority);
}

function authorityOf(parts: Pick<Authority, "trustDomain" | "bundlePem" | "signingKey">): Authority {
  const pems = parts.bundlePem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  const trusted = pems.map((text) => new X509Certificate(text));
  const [first] = trusted;
  return { ...parts, certificatePem: `${pems[0] ?? ""}\n`, trusted, pin: first === undefined ? "" : pinOf(first) };
}

/** SHA-256 of a certificate's SubjectPublicKeyInfo, lower-case hex. */
export function pinOf(certificate: X509Certificate): string {
  const spki = certificate.publicKey.export({ type: "spki", format: "der" });
  return createHash("sha256").update(spki).digest("hex");
}

/** A serial number that nobody can guess: 127 random bits, positive as RFC 5280 wants it, without a leading zero byte. */
export function newSerial(): string {
  const bytes = randomBytes(16);
  bytes.writeUInt8((bytes.readUInt8(0) & 0x7f) | 0x40, 0);
  return bytes.toString("hex");
}

async function readText(path: string, key: string): Promise<Result<string, Refusal>> {
  try {
    return ok(await readFile(path, "utf8"));
  } catch (error) {
    return invalid(key, `${path} cannot be read (${reasonOf(error)}); make it with weir init, or name another file`);
  }
}

/** Reads a file that holds a secret. Refuses it when anybody but its owner may read it. */
export async function readPrivateText(path: string, key: string): Promise<Result<string, Refusal>> {
  const text = await readText(path, key);
  if (!text.ok) return text;
  const mode = (await stat(path)).mode & 0o777;
  if ((mode & 0o077) === 0) return text;
  const shown = mode.toString(8).padStart(4, "0");
  return invalid(key, `${path} has mode ${shown}, so that others can read or change it; run: chmod 600 ${path}`);
}

function invalid(field: string, message: string): Result<never, Refusal> {
  return refuse({ code: "FIELD_INVALID", field, message });
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
