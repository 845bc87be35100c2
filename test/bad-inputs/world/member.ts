import { readFileSync } from "node:fs";
import { JoinService } from "../../../proto/gen/weir/v1/agent_pb.ts";
import { ClusterService } from "../../../proto/gen/weir/v1/fleet_pb.ts";
import { mintAgentCredentials } from "../../../src/io/nats/accounts.ts";
import type { FleetSigner } from "../../../src/io/nats/accounts.ts";
import { exportKeyPem, makeKeys, makeRequest } from "../../../src/io/pki/x509.ts";
import type { Credentials } from "../../io/grpc/clients.ts";
import { connect as openStream } from "../../io/grpc/agents.ts";
import type { TestAgent } from "../../io/grpc/agents.ts";
import { connect, credsAuthenticator } from "nats";
import type { NatsConnection } from "nats";
import { ask } from "./ask.ts";
import { until } from "./process.ts";
import type { World } from "./world.ts";

/** Registers a cluster and returns its token. */
export async function register(world: World, name: string, spec: object = {}): Promise<string> {
  const request = { spec: { name, region: "here", ...spec } };
  return (await world.must<{ readonly token: string }>(ClusterService, "registerCluster", request)).token;
}

/** A cluster that joined and was accepted, with the certificate that it got. */
export async function enrol(world: World, cluster: string, uid = `uid-${cluster}`): Promise<Credentials> {
  const token = await register(world, cluster);
  const keys = await makeKeys();
  const request = { token, csr: await makeRequest(keys), clusterUid: uid };
  const joined = await ask(world.joinClient(JoinService), { method: "join", request });
  if (joined.status !== 0) throw new Error(`${cluster} cannot join: ${joined.message}`);
  await world.must(ClusterService, "acceptCluster", { cluster });
  const { certificateChainPem } = joined.value as { readonly certificateChainPem: string };
  return { keyPem: await exportKeyPem(keys.privateKey), chainPem: certificateChainPem, serial: "" };
}

/** Enrols a cluster and opens its plan stream, so that it is active. */
export async function activate(world: World, cluster: string): Promise<{ own: Credentials; agent: TestAgent }> {
  const own = await enrol(world, cluster);
  const agent = openStream(world, own, { cluster });
  await agent.next("credentials");
  return { own, agent };
}

/** A connection to the bus with what the planner gives to one cluster's agent. */
export async function busOf(world: World, cluster: string): Promise<NatsConnection> {
  const signer = JSON.parse(readFileSync(world.paths.fleetSigner, "utf8")) as FleetSigner;
  const minting = { cluster, nowMs: Date.now(), lifeMs: 3_600_000 };
  const { credentials } = await mintAgentCredentials(signer, minting);
  return await dial(world, credentials, `_INBOX.${cluster}`);
}

/** A connection to the bus as a planner has it. */
export async function plannerBus(world: World): Promise<NatsConnection> {
  return await dial(world, readFileSync(world.paths.plannerCreds, "utf8"), "_INBOX.planner");
}

async function dial(world: World, creds: string, inboxPrefix: string): Promise<NatsConnection> {
  let connection: NatsConnection | undefined;
  const authenticator = credsAuthenticator(new TextEncoder().encode(creds));
  await until("the bus takes a connection", async () => {
    connection = await connect({ servers: world.natsUrl, authenticator, inboxPrefix, reconnect: false }).catch(
      () => undefined,
    );
    return connection !== undefined;
  });
  if (connection === undefined) throw new Error("no connection");
  return connection;
}
