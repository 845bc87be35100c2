import type { ClientDuplexStream, ServiceError } from "@grpc/grpc-js";
import { AgentService } from "../../../proto/gen/weir/v1/agent_pb.ts";
import type { ConnectResponse, PlanDelta } from "../../../proto/gen/weir/v1/agent_pb.ts";
import type { ClusterId, ServiceId } from "../../../src/model/ids.ts";
import type { Position } from "../../../src/model/position.ts";
import type { Authority } from "../../../src/io/pki/authority.ts";
import { planDigest } from "../../../src/wire/digest.ts";
import { toAcknowledgement, toHello } from "../../../src/wire/link.ts";
import { fromPosition } from "../../../src/wire/position.ts";
import { decodeRouteSet, hashOfRouteSet } from "../../../src/wire/route-set.ts";
import { channelCredentials, clientOf, credentialsFor, failure } from "./clients.ts";
import type { Credentials, Outcome } from "./clients.ts";
import { must } from "./small-engine.ts";
import type { SmallPlanner } from "./small-planner.ts";

/** An agent of a test: holds what it is told, and answers only when it is told to. */
export interface TestAgent {
  readonly messages: ConnectResponse[];
  readonly held: Map<ServiceId, string>;
  readonly stream: ClientDuplexStream<unknown, ConnectResponse>;
  readonly ended: Promise<Outcome>;
  /** Resolves with the next message of a kind that nobody took yet. */
  next<K extends NonNullable<ConnectResponse["message"]["case"]>>(
    kind: K,
  ): Promise<Extract<ConnectResponse["message"], { case: K }>["value"]>;
  /** Takes a delta over, and acknowledges it. */
  apply(delta: PlanDelta, refusal?: { service: string; code: string }): void;
  send(message: object): void;
  close(): void;
}

/** Registers, joins and accepts a cluster with a certificate of its own. */
export async function enrol(planner: SmallPlanner, cluster: string, uid = `uid-${cluster}`): Promise<Credentials> {
  const credentials = await credentialsFor(planner.authority, { kind: "cluster", name: cluster });
  const secretHash = Buffer.from(cluster.padEnd(32, "-")).toString("hex").slice(0, 64);
  const name = cluster as ClusterId;
  const spec = { cluster: name, region: "", labels: {}, rttMs: {} };
  await must(planner.engine, { kind: "register-cluster", spec, secretHash, expiresAtMs: Date.now() + 60_000 });
  await must(planner.engine, { kind: "redeem-token", secretHash, uid, serial: credentials.serial });
  await must(planner.engine, { kind: "accept-cluster", cluster: name });
  return credentials;
}

/** Whom an agent dials: a small planner, or a whole one. */
export interface AgentListener {
  readonly authority: Authority;
  readonly servers: { readonly addresses: { readonly agent: string } };
}

/** How an agent introduces itself. */
export interface Introduction {
  readonly cluster: string;
  readonly uid?: string;
  readonly bootId?: string;
  readonly held?: Position;
  readonly hashes?: ReadonlyMap<ServiceId, string>;
}

/** Opens a plan stream and says hello. */
export function connect(planner: AgentListener, own: Credentials, introduction: Introduction): TestAgent {
  const agent = openStream(planner, own);
  const { cluster, uid = `uid-${cluster}`, bootId = "boot-1", held, hashes = new Map() } = introduction;
  const hello = { cluster: cluster as ClusterId, uid, bootId, agentVersion: "0", hashes, features: [] };
  agent.send({ message: { case: "hello", value: toHello(held === undefined ? hello : { ...hello, held }) } });
  return agent;
}

/** Opens a plan stream and says nothing. */
export function openStream(planner: AgentListener, own: Credentials): TestAgent {
  const client = clientOf(AgentService, planner.servers.addresses.agent, channelCredentials(planner.authority, own));
  const open = Reflect.get(client, "connect") as () => ClientDuplexStream<unknown, ConnectResponse>;
  const stream = open.call(client);
  const messages: ConnectResponse[] = [];
  const taken = new Set<ConnectResponse>();
  const wakers: (() => void)[] = [];
  const held = new Map<ServiceId, string>();
  stream.on("data", (message: ConnectResponse) => {
    messages.push(message);
    for (const wake of wakers.splice(0)) wake();
  });
  const ended = new Promise<Outcome>((resolve) => {
    stream.on("error", (error: ServiceError) => resolve(failure(error)));
    stream.on("end", () => resolve({ ok: true, value: {} }));
  });
  return {
    messages,
    held,
    stream,
    ended,
    async next(kind) {
      for (;;) {
        const found = messages.find((message) => message.message.case === kind && !taken.has(message));
        if (found !== undefined) {
          taken.add(found);
          return found.message.value as never;
        }
        await new Promise<void>((resolve, reject) => {
          const late = setTimeout(() => reject(new Error(`no ${kind} came`)), 5_000);
          wakers.push(() => {
            clearTimeout(late);
            resolve();
          });
        });
      }
    },
    apply(delta, refusal) {
      if (delta.base === 2) held.clear();
      for (const bytes of delta.routeSets) {
        const decoded = decodeRouteSet(bytes);
        if (decoded.ok) held.set(decoded.value.service, hashOfRouteSet(bytes));
      }
      for (const service of delta.removed) held.delete(service as ServiceId);
      stream.write(acknowledgement(delta, held, refusal));
    },
    send: (message) => void stream.write(message),
    close() {
      stream.cancel();
      client.close();
    },
  };
}

/** An acknowledgement of a delta, from somebody who holds `held`. */
export function acknowledgement(
  delta: PlanDelta,
  held: ReadonlyMap<ServiceId, string>,
  refusal?: { service: string; code: string },
): object {
  const position = delta.position === undefined ? undefined : fromPosition(delta.position, "");
  if (position?.ok !== true) throw new Error("a delta has a position");
  const refusals =
    refusal === undefined ? [] : [{ ...refusal, service: refusal.service as ServiceId, hash: "", detail: "because" }];
  const value = toAcknowledgement({ position: position.value, digest: planDigest(held), refusals });
  return { message: { case: "acknowledgement", value } };
}
