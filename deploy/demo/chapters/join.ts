import { Membership } from "../../../proto/gen/weir/v1/fleet_pb.ts";
import { waitForCluster } from "../clusters.ts";
import { declareService } from "../declaring.ts";
import { METHODS } from "../operator.ts";
import type { Chapter, Outcome, Play } from "../play.ts";
import { egressDollarsPerGb, PORTS, roundTripMs, type DemoCluster } from "../topology.ts";
import { pause, waitFor } from "../waiting.ts";

/** Clusters join with tokens, get certificates, are accepted and become active; services are declared. */
export const JOIN: Chapter = { name: "join", title: "clusters join with one-use tokens and are accepted", run };

async function run(play: Play): Promise<Outcome> {
  const { clusters } = play.topology;
  await Promise.all(clusters.map(async (cluster) => join(play, cluster)));
  await declareService(play, "shop/checkout");
  await declareService(play, "shop/greeter");
  await Promise.all(clusters.map(async ({ name }) => play.stack.awaitTraffic(name, "checkout")));
  if (play.stack.hasEnvoy) {
    await declareService(play, "shop/search");
    await Promise.all(clusters.map(async ({ name }) => play.stack.awaitTraffic(name, "search")));
  }
  const fromMs = Date.now();
  for (const { name } of clusters) play.stack.startCallers(name);
  play.say("callers started in every cluster");
  const enough = async (): Promise<true | undefined> =>
    play.tally.count({ fromMs }).requests >= 500 ? true : undefined;
  await waitFor("the first 500 requests", enough, { timeoutMs: 30_000 });
  await pause(200);
  const sources = new Set(clusters.map(({ name }) => name));
  const counts = [...sources].map((name) => play.tally.count({ fromMs, sources: [name] }).requests);
  return {
    counted: { fromMs, untilMs: Date.now() },
    checks: [
      { claim: "every cluster carries requests", holds: counts.every((count) => count > 0), seen: counts.join(", ") },
    ],
  };
}

async function join(play: Play, cluster: DemoCluster): Promise<void> {
  const others = play.topology.clusters.filter(({ name }) => name !== cluster.name);
  const { token } = await play.operator.call(METHODS.registerCluster, {
    requestId: `demo-register-${cluster.name}`,
    spec: {
      name: cluster.name,
      region: cluster.name,
      // The agent's own word says where its gateway listens; with Envoy the declared round trip stands in front of it.
      ...(play.service === "shop/checkout" ? { gateway: { address: cluster.address, port: PORTS.wan } } : {}),
      rttMs: Object.fromEntries(others.map(({ name }) => [name, roundTripMs(cluster.name, name)])),
      egressDollarsPerGb: Object.fromEntries(others.map(({ name }) => [name, egressDollarsPerGb(cluster.name, name)])),
    },
  });
  await play.stack.startCluster(cluster.name, token);
  await waitForCluster(play, cluster.name, {
    what: "pending",
    timeoutMs: 20_000,
    holds: ({ membership }) => membership === Membership.PENDING,
  });
  await play.operator.call(METHODS.acceptCluster, { requestId: `demo-accept-${cluster.name}`, cluster: cluster.name });
  await waitForCluster(play, cluster.name, {
    what: "active",
    timeoutMs: 20_000,
    holds: ({ membership }) => membership === Membership.ACTIVE,
  });
  play.say(`${cluster.name}: token redeemed, certificate issued, accepted, active`);
}
