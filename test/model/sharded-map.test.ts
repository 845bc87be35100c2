import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ShardedMap } from "../../src/model/sharded-map.ts";

const KEY = fc.oneof(fc.constantFrom("a", "b", "abcdef1", "abcdef2", ""), fc.string());
const WRITES = fc.array(fc.record({ key: KEY, value: fc.option(fc.integer(), { nil: undefined }) }));

describe("a sharded map", () => {
  it("holds what a map would hold", () => {
    fc.assert(
      fc.property(WRITES, (writes) => {
        const plain = new Map<string, number>();
        const sharded = ShardedMap.copyOf(new Map<string, number>());
        const deleted: [boolean, boolean][] = [];
        for (const { key, value } of writes) {
          if (value === undefined) {
            deleted.push([plain.delete(key), sharded.delete(key)]);
          } else {
            plain.set(key, value);
            sharded.set(key, value);
          }
        }
        for (const [expected, found] of deleted) expect(found).toBe(expected);
        expect(sharded.size).toBe(plain.size);
        expect(new Map(sharded)).toEqual(plain);
        expect(new Set(sharded.keys())).toEqual(new Set(plain.keys()));
        expect([...sharded.values()].toSorted((a, b) => a - b)).toEqual([...plain.values()].toSorted((a, b) => a - b));
        for (const { key } of writes)
          expect([sharded.has(key), sharded.get(key)]).toEqual([plain.has(key), plain.get(key)]);
      }),
    );
  });

  it("leaves the map as it was that it is a copy of", () => {
    fc.assert(
      fc.property(WRITES, WRITES, (before, after) => {
        const first = ShardedMap.copyOf(new Map(before.map(({ key, value }) => [key, value ?? 0])));
        const held = [...first];
        const second = ShardedMap.copyOf(first);
        for (const { key, value } of after) {
          if (value === undefined) second.delete(key);
          else second.set(key, value);
        }
        expect([...first]).toEqual(held);
        expect(first.size).toBe(held.length);
      }),
    );
  });
});
