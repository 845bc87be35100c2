import { generateKeyPair, sign } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { promisify } from "node:util";

/** A key made here and the request to have it certified. The key leaves this machine in no form. */
export interface SigningRequest {
  /** PKCS#8, PEM. */
  readonly keyPem: string;
  /** PKCS#10 (RFC 2986), DER. */
  readonly der: Uint8Array;
}

/**
 * Makes a P-256 key and a request for it. The request names nobody: the planner chooses the name. Written out here in
 * thirty lines because a library for certificates would double the agent's memory for one request a day.
 */
export async function makeSigningRequest(): Promise<SigningRequest> {
  const { privateKey, publicKey } = await promisify(generateKeyPair)("ec", { namedCurve: "P-256" });
  return {
    keyPem: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    der: requestFor(privateKey, publicKey.export({ type: "spki", format: "der" })),
  };
}

const SEQUENCE = 0x30;
const BIT_STRING = 0x03;
const INTEGER = 0x02;
/** [0], constructed: the attributes, of which there are none. */
const ATTRIBUTES = 0xa0;
/** OBJECT IDENTIFIER 1.2.840.10045.4.3.2, ecdsa-with-SHA256 (RFC 5758). */
const ECDSA_WITH_SHA256 = Buffer.from("06082a8648ce3d040302", "hex");

function requestFor(privateKey: KeyObject, publicKeyInfo: Buffer): Uint8Array {
  const version = element(INTEGER, Buffer.of(0));
  const noName = element(SEQUENCE, Buffer.alloc(0));
  const noAttributes = element(ATTRIBUTES, Buffer.alloc(0));
  const info = element(SEQUENCE, Buffer.concat([version, noName, publicKeyInfo, noAttributes]));
  const signature = sign("sha256", info, privateKey);
  const unusedBits = Buffer.of(0);
  return element(
    SEQUENCE,
    Buffer.concat([
      info,
      element(SEQUENCE, ECDSA_WITH_SHA256),
      element(BIT_STRING, Buffer.concat([unusedBits, signature])),
    ]),
  );
}

/** One DER element (X.690): tag, definite length, content. */
function element(tag: number, content: Buffer): Buffer {
  const { length } = content;
  if (length < 0x80) return Buffer.concat([Buffer.of(tag, length), content]);
  const bytes = Buffer.from(length.toString(16).padStart(length > 0xff ? 4 : 2, "0"), "hex");
  return Buffer.concat([Buffer.of(tag, 0x80 | bytes.length), bytes, content]);
}
