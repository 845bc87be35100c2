import { describe, expect, it } from "vitest";
import { LogTime } from "../../src/engine/log-time.ts";
import type { Clock } from "../../src/engine/ports.ts";

const HOUR_MS = 3_600_000;

/** A machine whose wall clock can be stepped apart from its monotonic one. */
class SteppedClock implements Clock {
  wallMs = 1_000_000_000;
  steadyMs = 500;
  nowMs(): number {
    return this.wallMs;
  }
  monotonicMs(): number {
    return this.steadyMs;
  }
  async sleep(): Promise<void> {
    await Promise.resolve();
  }
  pass(ms: number): void {
    this.wallMs += ms;
    this.steadyMs += ms;
  }
}

describe("log time", () => {
  it("is the wall clock on a machine whose clock is right", () => {
    const clock = new SteppedClock();
    const time = new LogTime(clock);
    clock.pass(1_234);
    expect(time.now()).toBe(1_000_001_234);
  });

  it.each([
    ["forward", HOUR_MS],
    ["back", -HOUR_MS],
  ])("runs on when the wall clock is stepped %s an hour, off by a tenth at most", (_way, stepMs) => {
    const clock = new SteppedClock();
    const time = new LogTime(clock);
    clock.wallMs += stepMs;
    const before = time.now();
    clock.pass(60_000);
    const passed = time.now() - before;
    expect(passed).toBeGreaterThanOrEqual(54_000);
    expect(passed).toBeLessThanOrEqual(66_000);
  });

  it("comes back to the wall clock in the end", () => {
    const clock = new SteppedClock();
    const time = new LogTime(clock);
    clock.wallMs -= HOUR_MS;
    for (let hour = 0; hour < 12; hour += 1) {
      clock.pass(HOUR_MS);
      time.now();
    }
    expect(time.now()).toBe(clock.wallMs);
  });

  it("is taken over from the leader, whatever this machine's clock says", () => {
    const clock = new SteppedClock();
    const time = new LogTime(clock);
    time.adopt(1_000_000_000 - HOUR_MS);
    clock.pass(1_000);
    const now = time.now();
    expect(now).toBeGreaterThanOrEqual(1_000_000_900 - HOUR_MS);
    expect(now).toBeLessThanOrEqual(1_000_001_100 - HOUR_MS);
  });

  it("jumps forward when the machine slept for longer than any skew", () => {
    const clock = new SteppedClock();
    const time = new LogTime(clock);
    clock.wallMs += 9 * HOUR_MS;
    clock.pass(1_000);
    expect(time.now()).toBe(clock.wallMs);
  });
});
