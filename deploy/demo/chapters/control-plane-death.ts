import { METHODS } from "../operator.ts";
import type { Chapter, Outcome, Play } from "../play.ts";
import { predict } from "../prediction.ts";
import { aligned, intendedShares, latenciesOf, observedShares, sharesMatch } from "../shares.ts";
import { pause, waitFor } from "../waiting.ts";

/** Both planners and NATS are gone for a while: traffic does not notice, an agent restarts on the plan it holds. */
export const CONTROL_PLANE_DEATH: Chapter = {
  name: "control-plane-death",
  title: "both planners and NATS die; an agent restarts meanwhile",
  run,
};

async function run(play: Play): Promise<Outcome> {
  const sources = play.topology.clusters.map(({ name }) => name);
  const [intended, prediction] = await Promise.all([intendedShares(play, sources), predict(play)]);
  const before = await releasedPlans(play);
  const fromMs = Date.now();
  await play.stack.killControlPlane();
  play.say("planners and NATS killed");
  await pause(1_000);
  await play.stack.restartAgent("us-east");
  play.say("agent of us-east killed and started again, with nobody to ask");
  const alone = { fromMs: Date.now(), untilMs: Date.now() + 4_000 };
  await pause(4_300);
  const both = aligned(intended, observedShares(play, alone, sources));
  const latencies = latenciesOf(play, { ...alone, sources }, prediction);
  await play.stack.startControlPlane();
  play.say("planners and NATS started again");
  const after = await waitFor("the planners to answer", async () => await everyoneIsBack(play), { timeoutMs: 30_000 });
  await pause(1_500);
  return {
    counted: { fromMs, untilMs: Date.now() },
    ...both,
    latencies,
    checks: [
      ...sharesMatch(play, alone, both),
      {
        claim: "their return changes no plan",
        holds: after === before && after === (await releasedPlans(play)),
        seen: `${after.length} characters of plan`,
      },
    ],
  };
}

/** Every route set as it was released, as one text that changes when any weight or fallback does. */
async function releasedPlans(play: Play): Promise<string> {
  const { plans } = await play.operator.call(METHODS.getPlan, {});
  return JSON.stringify(plans.map(({ service, released }) => ({ service, released })));
}

async function everyoneIsBack(play: Play): Promise<string | undefined> {
  const { clusters, replicas } = await play.operator.call(METHODS.getStatus, {});
  const heard = clusters.every(({ silentForMs }) => silentForMs !== undefined && silentForMs < 3_000n);
  const leads = replicas.some(({ isLeading }) => isLeading);
  return heard && leads ? await releasedPlans(play) : undefined;
}
