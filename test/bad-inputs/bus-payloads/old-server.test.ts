import { expect, it } from "vitest";
import { oldNatsServer } from "../world/old-nats.ts";
import { startWorld } from "../world/world.ts";

const LIMIT_MS = 120_000;

it(
  "57: a server that is too old is NATS_TOO_OLD with the floor, before anything is written to it",
  async () => {
    const world = await startWorld({ natsServer: await oldNatsServer() });
    try {
      expect(await world.planner.ended).toBe(1);
      expect(world.planner.said()).toContain("weir-planner: NATS_TOO_OLD: the NATS server is 2.11.0");
      expect(world.planner.said()).toContain("Run 2.12.12 or a later 2.12, or 2.14.3 or later");
      expect(world.planner.said()).not.toContain("planner serves");
    } finally {
      await world.stop();
    }
  },
  LIMIT_MS,
);
