/** Enough that a shard of some hundred thousand entries is small, and few enough to copy the list of them often. */
const SHARDS = 4_096;

/** Characters of a key that say which shard it belongs to: keys are hashes, or differ early. */
const TELLING = 6;

/**
 * A map of names that is cheap to copy however large it is: a copy shares all shards, and makes its own only of those that
 * it is written to. For values that are never changed, in states of which each differs from the one before in little.
 */
export class ShardedMap<K extends string, V> implements ReadonlyMap<K, V> {
  readonly shards: (Map<K, V> | undefined)[];
  readonly #own = new Set<number>();
  #size: number;

  private constructor(shards: (Map<K, V> | undefined)[], size: number) {
    this.shards = shards;
    this.#size = size;
  }

  /** A map of one's own with the same entries; the other one must not be written to any more. */
  static copyOf<K extends string, V>(entries: ReadonlyMap<K, V>): ShardedMap<K, V> {
    if (entries instanceof ShardedMap)
      return new ShardedMap((entries as ShardedMap<K, V>).shards.slice(), entries.size);
    const made = new ShardedMap<K, V>(
      Array.from({ length: SHARDS }, () => undefined),
      0,
    );
    for (const [key, value] of entries) made.set(key, value);
    return made;
  }

  get size(): number {
    return this.#size;
  }

  get(key: K): V | undefined {
    return this.shards[shardOf(key)]?.get(key);
  }

  has(key: K): boolean {
    return this.shards[shardOf(key)]?.has(key) === true;
  }

  set(key: K, value: V): this {
    const shard = this.#ownShard(shardOf(key));
    if (!shard.has(key)) this.#size += 1;
    shard.set(key, value);
    return this;
  }

  delete(key: K): boolean {
    if (!this.has(key)) return false;
    this.#size -= 1;
    return this.#ownShard(shardOf(key)).delete(key);
  }

  forEach(callback: (value: V, key: K, map: ReadonlyMap<K, V>) => void): void {
    for (const [key, value] of this.entries()) callback(value, key, this);
  }

  *entries(): MapIterator<[K, V]> {
    for (const shard of this.shards) if (shard !== undefined) yield* shard;
  }

  *keys(): MapIterator<K> {
    for (const [key] of this.entries()) yield key;
  }

  *values(): MapIterator<V> {
    for (const [, value] of this.entries()) yield value;
  }

  [Symbol.iterator](): MapIterator<[K, V]> {
    return this.entries();
  }

  #ownShard(at: number): Map<K, V> {
    const found = this.shards[at];
    if (found !== undefined && this.#own.has(at)) return found;
    const shard = new Map(found);
    this.shards[at] = shard;
    this.#own.add(at);
    return shard;
  }
}

function shardOf(key: string): number {
  let hash = 0;
  for (let at = 0; at < TELLING && at < key.length; at++) hash = (hash * 31 + key.charCodeAt(at)) % 1_000_003;
  return hash % SHARDS;
}
