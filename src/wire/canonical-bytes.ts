import type { MessageTable, NameTable } from "./name-table.ts";

/**
 * Reads protobuf bytes in the one form that canonical serialisers write: fields in the order of their numbers, tags of
 * one byte, nothing unknown. At the first thing that is not so it stops for good and says so in `isOdd`; what it gave
 * before then counts for nothing. So its caller reads straight through and asks once, at the end.
 */
export class CanonicalBytes {
  readonly #bytes: Uint8Array;
  #at = 0;
  /** Where the message that is being read ends. */
  #end: number;
  #isOdd = false;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#end = bytes.length;
  }

  /** Whether the bytes are of another form, or go on. */
  isOdd(): boolean {
    return this.#isOdd || this.#at !== this.#end;
  }

  /** Gives up: what was read is not what the caller can take. */
  refuse(): void {
    this.#isOdd = true;
    this.#at = this.#bytes.length;
  }

  /** Whether the next field has this tag. */
  sees(tag: number): boolean {
    return this.#at < this.#end && this.#bytes[this.#at] === tag;
  }

  /** Enters the message that must be next. Returns what `leave` needs. */
  enter(tag: number): number {
    const outer = this.#end;
    const length = this.number(tag);
    if (length > outer - this.#at) this.refuse();
    else this.#end = this.#at + length;
    return outer;
  }

  /** Leaves a message, which must be read to its end. */
  leave(outer: number): void {
    if (this.#at !== this.#end) this.refuse();
    this.#end = outer;
  }

  /** The message that must be next, as `read` makes it of its fields, or made it before. */
  message<T>(tag: number, table: MessageTable<T>, read: (from: CanonicalBytes) => T): T {
    const outer = this.enter(tag);
    const [start, end] = [this.#at, this.#end];
    const known = this.#isOdd ? undefined : table.find(this.#bytes, start, end);
    if (known === undefined) {
      const value = read(this);
      this.leave(outer);
      if (!this.#isOdd) table.keep(this.#bytes, { start, end, value });
      return value;
    }
    this.#at = end;
    this.#end = outer;
    return known;
  }

  /** The name that must be next. */
  name<T extends string>(tag: number, table: NameTable): T {
    const length = this.number(tag);
    const start = this.#at;
    if (length > this.#end - start) this.refuse();
    else {
      const text = table.find(this.#bytes, start, start + length);
      this.#at = start + length;
      if (text !== undefined) return text as T;
      this.refuse();
    }
    return "" as T;
  }

  /** The number, 0 to 2^28 - 1, that must be next. */
  number(tag: number): number {
    if (!this.sees(tag)) {
      this.refuse();
      return 0;
    }
    this.#at += 1;
    let value = 0;
    for (let shift = 0; shift < 28 && this.#at < this.#end; shift += 7) {
      const byte = this.#bytes[this.#at] ?? 0;
      this.#at += 1;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    this.refuse();
    return 0;
  }

  /** The sequence, 0 to 2^53 - 1, of a field that is left out when it is 0. */
  sequenceOrZero(tag: number): number {
    if (!this.sees(tag)) return 0;
    this.#at += 1;
    let value = 0;
    // Not by shifts: it has up to 53 bits.
    for (let scale = 1; scale <= 2 ** 49 && this.#at < this.#end; scale *= 128) {
      const byte = this.#bytes[this.#at] ?? 0;
      this.#at += 1;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80 && value <= Number.MAX_SAFE_INTEGER) return value;
      if (byte < 0x80) break;
    }
    this.refuse();
    return 0;
  }

  /** The bytes that must be next: a view, not a copy. */
  content(tag: number): Uint8Array {
    const length = this.number(tag);
    const start = this.#at;
    if (length > this.#end - start) this.refuse();
    else this.#at = start + length;
    return this.#bytes.subarray(start, this.#at);
  }

  /** The number of a field that is left out when it is 0. */
  numberOrZero(tag: number): number {
    return this.sees(tag) ? this.number(tag) : 0;
  }

  /** The double of a field that is left out when it is 0. */
  doubleOrZero(tag: number): number {
    if (!this.sees(tag)) return 0;
    const start = this.#at + 1;
    if (start + 8 > this.#end) {
      this.refuse();
      return 0;
    }
    this.#at = start + 8;
    return new DataView(this.#bytes.buffer, this.#bytes.byteOffset + start, 8).getFloat64(0, true);
  }
}
