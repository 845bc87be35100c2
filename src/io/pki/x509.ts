// The library needs its metadata polyfill before its own first line runs: this file is the one that may import it.
import "reflect-metadata";
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  Pkcs10CertificateRequest,
  Pkcs10CertificateRequestGenerator,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from "@peculiar/x509";
import type { Extension, JsonGeneralNames } from "@peculiar/x509";
import { webcrypto } from "node:crypto";
import type { Identity } from "../../wire/spiffe.ts";

/** Key algorithm of everything Weir makes itself. */
const KEY_ALGORITHM = { name: "ECDSA", namedCurve: "P-256" } as const;
const SIGNING_ALGORITHM = { name: "ECDSA", hash: "SHA-256" } as const;

/** A client's certificate is used by clients only, so that it cannot stand in for a planner; a planner is both. */
const USAGES: Readonly<Record<Identity["kind"], readonly string[]>> = {
  cluster: ["1.3.6.1.5.5.7.3.2"],
  operator: ["1.3.6.1.5.5.7.3.2"],
  planner: ["1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"],
};

/** A pair of keys that can sign. */
export type Keys = webcrypto.CryptoKeyPair;

/** When a certificate holds, ms since 1970. */
export interface Validity {
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

/** Makes a fresh P-256 pair. */
export async function makeKeys(): Promise<Keys> {
  return webcrypto.subtle.generateKey(KEY_ALGORITHM, true, ["sign", "verify"]);
}

/** Private key as PKCS#8 PEM. */
export async function exportKeyPem(key: webcrypto.CryptoKey): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", key));
  const lines = der.toString("base64").match(/.{1,64}/g) ?? [];
  return `-----BEGIN PRIVATE KEY-----\n${lines.join("\n")}\n-----END PRIVATE KEY-----\n`;
}

/** DER of a public key's SubjectPublicKeyInfo. */
export async function exportPublicKey(key: webcrypto.CryptoKey): Promise<Uint8Array> {
  return new Uint8Array(await webcrypto.subtle.exportKey("spki", key));
}

/** Imports a PKCS#8 private key (DER) for signing. Throws when it is no P-256 key. */
export async function importKey(pkcs8: Uint8Array): Promise<webcrypto.CryptoKey> {
  return webcrypto.subtle.importKey("pkcs8", Uint8Array.from(pkcs8), KEY_ALGORITHM, false, ["sign"]);
}

/** Signs a CA certificate for its own keys. It may sign leaves only, and names its trust domain. */
export async function makeCaCertificate(
  keys: Keys,
  { trustDomain, serial, validity }: { trustDomain: string; serial: string; validity: Validity },
): Promise<string> {
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: `CN=Weir CA ${trustDomain}`,
    keys,
    serialNumber: serial,
    signingAlgorithm: SIGNING_ALGORITHM,
    notBefore: new Date(validity.notBeforeMs),
    notAfter: new Date(validity.notAfterMs),
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      new SubjectAlternativeNameExtension([{ type: "url", value: `spiffe://${trustDomain}` }]),
      // Every CA of a trust domain has the same name: while one replaces another, this tells them apart.
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return pem(certificate);
}

/** What a leaf certificate says. */
export interface Leaf {
  readonly kind: Identity["kind"];
  readonly names: JsonGeneralNames;
  /** DER of the SubjectPublicKeyInfo. */
  readonly publicKey: Uint8Array;
  /** Hex. */
  readonly serial: string;
  readonly validity: Validity;
}

/** Signs a leaf certificate with the CA's key. */
export async function signLeaf(
  leaf: Leaf,
  ca: { readonly certificatePem: string; readonly signingKey: webcrypto.CryptoKey },
): Promise<string> {
  const authority = new X509Certificate(ca.certificatePem);
  const certificate = await X509CertificateGenerator.create({
    // The identity is in the alternative name alone: nothing may come to depend on a common name.
    subject: "",
    issuer: authority.subject,
    publicKey: Uint8Array.from(leaf.publicKey),
    signingKey: ca.signingKey,
    signingAlgorithm: SIGNING_ALGORITHM,
    serialNumber: leaf.serial,
    notBefore: new Date(leaf.validity.notBeforeMs),
    notAfter: new Date(leaf.validity.notAfterMs),
    extensions: [...leafExtensions(leaf), await AuthorityKeyIdentifierExtension.create(authority.publicKey)],
  });
  return pem(certificate);
}

function leafExtensions({ kind, names }: Leaf): Extension[] {
  return [
    new BasicConstraintsExtension(false, undefined, true),
    new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
    new ExtendedKeyUsageExtension([...USAGES[kind]], true),
    // RFC 5280: critical, because the subject is empty.
    new SubjectAlternativeNameExtension(names, true),
  ];
}

/** Reads a PKCS#10 request. Throws on bytes that are none. */
export function parseRequest(der: Uint8Array): Pkcs10CertificateRequest {
  return new Pkcs10CertificateRequest(Uint8Array.from(der));
}

/** Makes a PKCS#10 request (DER) without names: the planner chooses the name. */
export async function makeRequest(keys: Keys): Promise<Uint8Array> {
  const request = await Pkcs10CertificateRequestGenerator.create({ keys, signingAlgorithm: SIGNING_ALGORITHM });
  return new Uint8Array(request.rawData);
}

function pem(certificate: X509Certificate): string {
  return `${certificate.toString("pem")}\n`;
}
