import "reflect-metadata";
import {
  BasicConstraintsExtension,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  Pkcs10CertificateRequestGenerator,
  SubjectAlternativeNameExtension,
  X509Certificate,
  X509CertificateGenerator,
} from "@peculiar/x509";
import type { Extension, JsonGeneralNames } from "@peculiar/x509";
import { X509Certificate as NodeCertificate, webcrypto } from "node:crypto";
import { createAuthority } from "../../../src/io/pki/authority.ts";
import type { Authority } from "../../../src/io/pki/authority.ts";
import { exportKeyPem } from "../../../src/io/pki/x509.ts";
import { credentialsFor } from "./clients.ts";
import type { Credentials } from "./clients.ts";

/** Certificates and requests with one thing wrong each, made on the fly. */
export interface BadCertificates {
  readonly otherCa: Credentials;
  readonly selfSigned: Credentials;
  readonly rsaKey: Credentials;
  readonly weakRsaKey: Credentials;
  readonly sha1: Credentials;
  readonly expired: Credentials;
  readonly expiredOtherCa: Credentials;
  readonly justExpired: Credentials;
  readonly notYetValid: Credentials;
  readonly noUri: Credentials;
  readonly commonNameOnly: Credentials;
  readonly twoUris: Credentials;
  readonly otherDomain: Credentials;
  readonly oddPath: Credentials;
  readonly serverOnly: Credentials;
  readonly caItself: Credentials;
  readonly subCa: Credentials;
  /** Sound requests with these names written into them. */
  requestsNaming(names: readonly string[]): Promise<readonly Uint8Array[]>;
  /** Requests to refuse, with what is wrong. */
  refusedRequests(): Promise<readonly (readonly [string, Uint8Array])[]>;
  /** The alternative names of a chain's first certificate, as Node prints them. */
  namesIn(chainPem: string): string | undefined;
}

const EC = { name: "ECDSA", namedCurve: "P-256" } as const;
const EC_SIGN = { name: "ECDSA", hash: "SHA-256" } as const;
const RSA = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256", publicExponent: Uint8Array.of(1, 0, 1), modulusLength: 2048 };
const CLIENT = "1.3.6.1.5.5.7.3.2";
const SERVER = "1.3.6.1.5.5.7.3.1";
const MINUTE_MS = 60_000;
const ANA: JsonGeneralNames = [{ type: "url", value: "spiffe://weir/operator/ana" }];

interface Flaw {
  readonly names?: JsonGeneralNames;
  readonly usage?: string;
  readonly isCa?: boolean;
  readonly subject?: string;
  /** From and to, in ms from now. */
  readonly fromMs?: number;
  readonly toMs?: number;
  readonly keys?: webcrypto.CryptoKeyPair;
  /** What the signature is made over. */
  readonly hash?: "SHA-1";
}

/** Makes them all. */
export async function badCertificates(authority: Authority, caKeyPem: string): Promise<BadCertificates> {
  const other = await createAuthority({ trustDomain: "weir", nowMs: Date.now() });
  const sign = async (flaw: Flaw) => signed(authority, flaw);
  const past = { fromMs: -120 * MINUTE_MS, toMs: -60 * MINUTE_MS };
  return {
    otherCa: await credentialsFor(other.authority, { kind: "operator", name: "ana" }),
    selfSigned: await selfSigned(),
    rsaKey: await sign({ keys: await rsaKeys() }),
    weakRsaKey: await sign({ keys: await rsaKeys(1024) }),
    sha1: await sign({ hash: "SHA-1" }),
    expired: await sign(past),
    expiredOtherCa: await signed(other.authority, past),
    justExpired: await sign({ fromMs: -120 * MINUTE_MS, toMs: -MINUTE_MS }),
    notYetValid: await sign({ fromMs: 24 * 60 * MINUTE_MS, toMs: 48 * 60 * MINUTE_MS }),
    noUri: await sign({ names: [{ type: "dns", value: "ana.weir" }] }),
    commonNameOnly: await sign({ names: [], subject: "CN=ana" }),
    twoUris: await sign({ names: [...ANA, { type: "url", value: "spiffe://weir/operator/bob" }] }),
    otherDomain: await sign({ names: [{ type: "url", value: "spiffe://elsewhere/operator/ana" }] }),
    oddPath: await sign({ names: [{ type: "url", value: "spiffe://weir/operator/ana/../bob" }] }),
    serverOnly: await sign({ usage: SERVER }),
    caItself: { keyPem: caKeyPem, chainPem: authority.certificatePem, serial: "" },
    subCa: await sign({ isCa: true }),
    requestsNaming,
    refusedRequests,
    namesIn: (chainPem) => new NodeCertificate(chainPem).subjectAltName,
  };
}

async function ecKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(EC, true, ["sign", "verify"]);
}

async function rsaKeys(modulusLength = 2048): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey({ ...RSA, modulusLength }, true, ["sign", "verify"]);
}

async function signed(authority: Authority, flaw: Flaw): Promise<Credentials> {
  const keys = flaw.keys ?? (await ecKeys());
  const now = Date.now();
  const certificate = await X509CertificateGenerator.create({
    subject: flaw.subject ?? "",
    issuer: new X509Certificate(authority.certificatePem).subject,
    publicKey: keys.publicKey,
    signingKey: authority.signingKey,
    signingAlgorithm: { ...EC_SIGN, hash: flaw.hash ?? EC_SIGN.hash },
    notBefore: new Date(now + (flaw.fromMs ?? -MINUTE_MS)),
    notAfter: new Date(now + (flaw.toMs ?? 60 * MINUTE_MS)),
    extensions: extensionsOf(flaw),
  });
  return { keyPem: await exportKeyPem(keys.privateKey), chainPem: certificate.toString("pem"), serial: "" };
}

function extensionsOf({ names = ANA, usage = CLIENT, isCa = false }: Flaw): Extension[] {
  const usages = isCa ? KeyUsageFlags.keyCertSign : KeyUsageFlags.digitalSignature;
  return [
    new BasicConstraintsExtension(isCa, undefined, true),
    new KeyUsagesExtension(usages, true),
    new ExtendedKeyUsageExtension([usage], true),
    ...(names.length === 0 ? [] : [new SubjectAlternativeNameExtension(names)]),
  ];
}

async function selfSigned(): Promise<Credentials> {
  const keys = await ecKeys();
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: "CN=Weir CA weir",
    keys,
    signingAlgorithm: EC_SIGN,
    extensions: extensionsOf({}),
  });
  return { keyPem: await exportKeyPem(keys.privateKey), chainPem: certificate.toString("pem"), serial: "" };
}

async function requestsNaming(names: readonly string[]): Promise<readonly Uint8Array[]> {
  return Promise.all(
    names.map(async (name) =>
      request(await ecKeys(), {
        name: `CN=${name.replaceAll("/", "_")}`,
        extensions: [
          new SubjectAlternativeNameExtension([
            { type: "url", value: `spiffe://weir/cluster/${name}/agent` },
            { type: "dns", value: `${name.toLowerCase().replaceAll(/[^a-z0-9]/g, "")}.example` },
          ]),
        ],
      }),
    ),
  );
}

async function request(
  keys: webcrypto.CryptoKeyPair,
  { name = "", extensions = [] }: { name?: string; extensions?: Extension[] },
): Promise<Uint8Array> {
  const made = await Pkcs10CertificateRequestGenerator.create({
    keys,
    name,
    extensions,
    signingAlgorithm: signing(keys),
  });
  return new Uint8Array(made.rawData);
}

function signing({ publicKey }: webcrypto.CryptoKeyPair) {
  const { name } = publicKey.algorithm;
  return name === "ECDSA" ? EC_SIGN : { name, hash: "SHA-256" };
}

async function refusedRequests(): Promise<readonly (readonly [string, Uint8Array])[]> {
  const sound = await request(await ecKeys(), {});
  const forged = Uint8Array.from(sound);
  const last = forged.length - 1;
  forged.set([(forged[last] ?? 0) ^ 1], last);
  const ca = [new BasicConstraintsExtension(true, undefined, true)];
  const certSign = [new KeyUsagesExtension(KeyUsageFlags.keyCertSign, true)];
  const p521 = await webcrypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-521" }, true, ["sign", "verify"]);
  return [
    ["CA:TRUE", await request(await ecKeys(), { extensions: ca })],
    ["keyCertSign", await request(await ecKeys(), { extensions: certSign })],
    ["RSA 1024", await request(await rsaKeys(1024), {})],
    ["RSA 2048", await request(await rsaKeys(), {})],
    ["P-521", await request(p521, {})],
    ["a signature by another key", forged],
    ["nothing", new Uint8Array()],
    ["noise", webcrypto.getRandomValues(new Uint8Array(300))],
    ["cut off", sound.subarray(0, 100)],
    ["too long", new Uint8Array(20_000)],
  ];
}
