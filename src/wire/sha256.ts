import { hash } from "node:crypto";

/** Bytes of a SHA-256. */
export const DIGEST_BYTES = 32;

/** SHA-256 of bytes or of UTF-8 text, in lower-case hex. */
export function sha256Hex(content: Uint8Array | string): string {
  return hash("sha256", content, "hex");
}

/** SHA-256 of bytes or of UTF-8 text. */
export function sha256(content: Uint8Array | string): Uint8Array {
  // Node makes a text of it at half the price of a buffer.
  return Buffer.from(hash("sha256", content, "binary"), "latin1");
}

/** Lower-case hex of bytes. */
export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex");
}

/** Bytes of a hex text; undefined when it is none. */
export function fromHex(text: string): Uint8Array | undefined {
  if (text.length % 2 !== 0 || !/^[0-9a-f]*$/.test(text)) return undefined;
  return Uint8Array.from({ length: text.length / 2 }, (_, index) =>
    Number.parseInt(text.slice(index * 2, index * 2 + 2), 16),
  );
}
