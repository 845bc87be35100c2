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
    let hash = 0;
    for (let index = start; index < end; index += 1) hash = (Math.imul(hash, 31) + (bytes[index] ?? 0)) | 0;
    const slot = hash & (this.#slots.length - 1);
    const known = this.#slots[slot];
    if (known !== undefined && isText(known, bytes, start, end)) return known;
    const text = Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString("latin1");
    if (!this.#isGood(text)) return undefined;
    this.#slots[slot] = text;
    return text;
  }
}

function isText(text: string, bytes: Uint8Array, start: number, end: number): boolean {
  if (text.length !== end - start) return false;
  for (let index = start; index < end; index += 1) if (text.charCodeAt(index - start) !== bytes[index]) return false;
  return true;
}
