import { X509Certificate, createHash, createPrivateKey } from "node:crypto";
import { mkdir, stat } from "node:fs/promises";
import { join } from "node:path";
import type { ClusterId } from "../../src/model/ids.ts";
import { identityOf, uriNames } from "../../src/wire/spiffe.ts";
import { isMissing, readTrusted, replaceFile } from "./durable-file.ts";

/** Who this agent is, and whom it trusts. */
export interface AgentIdentity {
  /** The name that the planner chose: read from the certificate, never from configuration. */
  readonly cluster: ClusterId;
  readonly trustDomain: string;
  readonly keyPem: string;
  /** Leaf first. */
  readonly chainPem: string;
  readonly caPem: string;
  readonly serial: string;
  /** Wall clock, ms since 1970. */
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

/** What a planner signed. */
export interface SignedCertificate {
  readonly keyPem: string;
  readonly chainPem: string;
  readonly caPem: string;
}

/**
 * Reads who a certificate says we are. Throws, in words, unless it is for our own key, signed by one of the CAs, and
 * names exactly one cluster of one trust domain.
 */
export function identify({ keyPem, chainPem, caPem }: SignedCertificate): AgentIdentity {
  const leaf = new X509Certificate(chainPem);
  if (!leaf.checkPrivateKey(createPrivateKey(keyPem))) throw new Error("the certificate is for another key");
  if (!certificatesIn(caPem).some((authority) => leaf.verify(authority.publicKey)))
    throw new Error("the certificate is signed by none of the trusted authorities");
  const uris = uriNames(leaf.subjectAltName);
  const [uri = ""] = uris;
  const trustDomain = /^spiffe:\/\/([^/]+)\//.exec(uri)?.[1] ?? "";
  const identity = identityOf(trustDomain, uri);
  if (uris.length !== 1 || identity?.kind !== "cluster")
    throw new Error(`the certificate names ${uris.join(", ") || "nobody"}, not one cluster's agent`);
  return {
    keyPem,
    chainPem,
    caPem,
    trustDomain,
    cluster: identity.name as ClusterId,
    serial: leaf.serialNumber.toLowerCase(),
    notBeforeMs: leaf.validFromDate.getTime(),
    notAfterMs: leaf.validToDate.getTime(),
  };
}

/** Every certificate in a PEM text, in order. */
export function certificatesIn(pem: string): readonly X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  return blocks.map((block) => new X509Certificate(block));
}

/** SHA-256 of a certificate's public key, lower-case hex: what join tokens pin. */
export function pinOf(certificate: X509Certificate): string {
  const key = certificate.publicKey.export({ type: "spki", format: "der" });
  return createHash("sha256").update(key).digest("hex");
}

/**
 * The agent's identity in a folder: `agent.pem` (private key and certificate chain in one file, so that they change
 * together), `ca.pem`, `planners` (one host:port a line), and `joined-with`. All of mode 0600.
 */
export class IdentityFiles {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** The identity that is stored; undefined when there is none. Throws when it is not sound or others may read the key. */
  async load(): Promise<AgentIdentity | undefined> {
    const path = this.#path("agent.pem");
    const [own, authorities] = [await readTrusted(path), await readTrusted(this.#path("ca.pem"))];
    if (own === undefined || authorities === undefined) return undefined;
    const { mode } = await stat(path);
    if ((mode & 0o077) !== 0)
      throw new Error(
        `${path} has mode ${(mode & 0o777).toString(8)}: its key may be read by others; run chmod 600 ${path}`,
      );
    const pem = own.toString("utf8");
    const keyEnd = pem.indexOf("-----BEGIN CERTIFICATE-----");
    if (keyEnd <= 0) throw new Error(`${path} holds no key followed by certificates`);
    return identify({ keyPem: pem.slice(0, keyEnd), chainPem: pem.slice(keyEnd), caPem: authorities.toString("utf8") });
  }

  /** Stores an identity. The authorities come first: they also hold for the older certificate. */
  async save({ keyPem, chainPem, caPem }: SignedCertificate): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    await replaceFile(this.#path("ca.pem"), caPem);
    await replaceFile(this.#path("agent.pem"), `${keyPem.trimEnd()}\n${chainPem}`);
  }

  /** SHA-256 of the token that the identity was joined with, lower-case hex; undefined when nobody noted it. */
  async joinedWith(): Promise<string | undefined> {
    return (await readTrusted(this.#path("joined-with")))?.toString("utf8").trim();
  }

  /** Notes which token the identity was joined with. */
  async saveJoinedWith(tokenHash: string): Promise<void> {
    await replaceFile(this.#path("joined-with"), `${tokenHash}\n`);
  }

  /** Addresses of planners told at joining, host:port. */
  async planners(): Promise<readonly string[]> {
    try {
      const text = await readTrusted(this.#path("planners"));
      return (text?.toString("utf8") ?? "").split("\n").filter((line) => line !== "");
    } catch (cause) {
      if (isMissing(cause)) return [];
      throw cause;
    }
  }

  /** Stores the addresses of planners. */
  async savePlanners(addresses: readonly string[]): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    await replaceFile(this.#path("planners"), `${addresses.join("\n")}\n`);
  }

  #path(name: string): string {
    return join(this.#folder, name);
  }
}
