/**
 * Writes protobuf bytes in the order in which it is called. Lengths of messages come before them, so that the caller says
 * each length, which `sizeOf…` give. Fields without presence are left out when they are 0 or empty, as proto3 has it.
 */
export class CanonicalWriter {
  readonly #bytes: Buffer;
  #at = 0;

  /** @param size - exactly what will be written. */
  constructor(size: number) {
    this.#bytes = Buffer.allocUnsafe(size);
  }

  /** What was written. */
  finish(): Buffer {
    return this.#bytes;
  }

  /** Begins a message of so many bytes. */
  enter(tag: number, length: number): void {
    this.#byte(tag);
    this.#varint(length);
  }

  number(tag: number, value: number): void {
    if (value === 0) return;
    this.#byte(tag);
    this.#varint(value);
  }

  text(tag: number, value: string): void {
    if (value === "") return;
    this.enter(tag, Buffer.byteLength(value));
    this.#at += this.#bytes.write(value, this.#at);
  }

  /** One entry of a repeated field, which is written also when it is empty. */
  entry(tag: number, value: Uint8Array): void {
    this.enter(tag, value.length);
    this.#bytes.set(value, this.#at);
    this.#at += value.length;
  }

  bytes(tag: number, value: Uint8Array): void {
    if (value.length > 0) this.entry(tag, value);
  }

  #byte(value: number): void {
    this.#bytes[this.#at] = value;
    this.#at += 1;
  }

  #varint(value: number): void {
    let rest = value;
    // Not by shifts: sequences have up to 53 bits.
    while (rest > 0x7f) {
      this.#byte((rest % 0x80) | 0x80);
      rest = Math.floor(rest / 0x80);
    }
    this.#byte(rest);
  }
}

/** Bytes of a length or number. */
export function sizeOfVarint(value: number): number {
  let size = 1;
  for (let rest = value; rest > 0x7f; rest = Math.floor(rest / 0x80)) size += 1;
  return size;
}

/** Bytes of a number's field; none when it is 0. */
export function sizeOfNumber(value: number): number {
  return value === 0 ? 0 : 1 + sizeOfVarint(value);
}

/** Bytes of a field that holds so many bytes: of a message, or of an entry of a list. */
export function sizeOfField(length: number): number {
  return 1 + sizeOfVarint(length) + length;
}

/** Bytes of a field of text or bytes without presence; none when it is empty. */
export function sizeOfContent(length: number): number {
  return length === 0 ? 0 : sizeOfField(length);
}
