/**
 * Names that were found good, by their bytes. Route sets of a fleet repeat the same few names, so that most are neither
 * made into texts nor checked again, and all that is held shares one text for each. Holds a bounded number: a name that
 * comes to the slot of another replaces it.
 */
export class NameTable {
  readonly #slots: (string | undefined)[];
  readonly #isGood: (text: string) => boolean;

  /** @param slots - a power of two. */
  constructor(slots: number, isGood: (text: string) => boolean) {
    this.#slots = Array.from<string | undefined>({ length: slots }).fill(undefined);
    this.#isGood = isGood;
  }

  /** The name that these bytes, from `start` up to `end`, are in ASCII; undefined when it is not good. */
  find(bytes: Uint8Array, start: number, end: number): string | undefined {
    const slot = hashOf(bytes, start, end) & (this.#slots.length - 1);
    const known = this.#slots[slot];
    if (known !== undefined && isText(known, bytes, start, end)) return known;
    const text = Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString("latin1");
    if (!this.#isGood(text)) return undefined;
    this.#slots[slot] = text;
    return text;
  }
}

/**
 * Small messages that were read before, by their bytes: the same few stand in every route set, which then share one
 * value for each. Bounded as above.
 */
export class MessageTable<T> {
  readonly #slots: ({ readonly text: string; readonly value: T } | undefined)[];

  /** @param slots - a power of two. */
  constructor(slots: number) {
    this.#slots = Array.from<undefined>({ length: slots }).fill(undefined);
  }

  /** What was made of these bytes, from `start` up to `end`, before. */
  find(bytes: Uint8Array, start: number, end: number): T | undefined {
    const known = this.#slots[hashOf(bytes, start, end) & (this.#slots.length - 1)];
    return known !== undefined && isText(known.text, bytes, start, end) ? known.value : undefined;
  }

  /** Remembers what is made of these bytes. */
  keep(bytes: Uint8Array, { start, end, value }: { start: number; end: number; value: T }): void {
    const text = Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString("latin1");
    this.#slots[hashOf(bytes, start, end) & (this.#slots.length - 1)] = { text, value };
  }
}

function hashOf(bytes: Uint8Array, start: number, end: number): number {
  let hash = 0;
  for (let index = start; index < end; index += 1) hash = (Math.imul(hash, 31) + (bytes[index] ?? 0)) | 0;
  return hash;
}

function isText(text: string, bytes: Uint8Array, start: number, end: number): boolean {
  if (text.length !== end - start) return false;
  for (let index = start; index < end; index += 1) if (text.charCodeAt(index - start) !== bytes[index]) return false;
  return true;
}
