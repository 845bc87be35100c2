import { describe, expect, it } from "vitest";
import { OneAtATime } from "../../src/io/one-at-a-time.ts";

const NEVER = new AbortController().signal;

describe("one at a time", () => {
  it("lets a work begin when the one before has ended, well or badly", async () => {
    const [queue, seen] = [new OneAtATime(), [] as string[]];
    const gate = Promise.withResolvers<void>();
    const first = queue.run(async () => {
      seen.push("first begins");
      await gate.promise;
      seen.push("first ends");
      throw new Error("badly");
    }, NEVER);
    const second = queue.run(async () => seen.push("second"), NEVER);
    await Promise.resolve();
    gate.resolve();
    await expect(first).rejects.toThrow("badly");
    await second;
    expect(seen).toEqual(["first begins", "first ends", "second"]);
  });

  it("lets nobody past the first because a second gave up waiting", async () => {
    const [queue, seen] = [new OneAtATime(), [] as string[]];
    const gate = Promise.withResolvers<void>();
    const first = queue.run(async () => {
      await gate.promise;
      seen.push("first");
    }, NEVER);
    const impatient = new AbortController();
    const second = queue.run(async () => seen.push("second"), impatient.signal);
    const third = queue.run(async () => seen.push("third"), NEVER);
    impatient.abort(new Error("too long"));
    await expect(second).rejects.toThrow("too long");
    gate.resolve();
    await Promise.all([first, third]);
    expect(seen).toEqual(["first", "third"]);
  });
});
