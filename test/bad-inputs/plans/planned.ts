import { PlanService } from "../../../proto/gen/weir/v1/plan_pb.ts";
import { until } from "../world/process.ts";
import type { World } from "../world/world.ts";

/** Waits until the one service of a world is planned, and nothing goes on any more. */
export async function untilPlanned(world: World): Promise<void> {
  await until("the service is planned", async () => {
    const { plans } = await world.must<{ readonly plans: readonly { readonly isSettled: boolean }[] }>(
      PlanService,
      "getPlan",
      {},
    );
    return plans[0]?.isSettled === true;
  });
  await world.untilQuiet();
}
