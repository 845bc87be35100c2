import { randomBytes } from "node:crypto";
import {
  AcceptClusterRequestSchema,
  CordonClusterRequestSchema,
  DrainClusterRequestSchema,
  RegisterClusterRequestSchema,
  RevokeClusterRequestSchema,
  UncordonClusterRequestSchema,
  UnregisterClusterRequestSchema,
} from "../../../../proto/gen/weir/v1/fleet_pb.ts";
import type {
  ClusterService,
  RegisterClusterRequest,
  WatchClustersResponseSchema,
} from "../../../../proto/gen/weir/v1/fleet_pb.ts";
import type { Committed } from "../../../model/command.ts";
import type { ClusterState } from "../../../model/cluster.ts";
import type { FleetState } from "../../../model/fleet.ts";
import type { ClusterId } from "../../../model/ids.ts";
import { ok } from "../../../model/result.ts";
import { findCluster, remainingWeight, selectClusters, toCluster } from "../../../wire/cluster-view.ts";
import {
  acceptCluster,
  cordonCluster,
  drainCluster,
  registerCluster,
  revokeCluster,
  uncordonCluster,
  unregisterCluster,
} from "../../../wire/cluster.ts";
import { encodeJoinToken } from "../../../wire/join-token.ts";
import { toSequence } from "../../../wire/position.ts";
import type { Call, Emit, Implementation } from "../bind.ts";
import { secretHashOf } from "../join-service.ts";
import type { OperatorParts } from "./parts.ts";
import { states } from "./states.ts";
import { mapped, write } from "./write.ts";

/** Random bytes of a join token: nobody guesses 256 bits. */
const SECRET_BYTES = 32;

/** Clusters: registering, accepting, cordoning, draining, revoking. */
export function clusterService(parts: OperatorParts): Implementation<typeof ClusterService> {
  const { engine } = parts;
  const answer = (state: FleetState, { sequence, subject }: Committed) =>
    mapped(findCluster(state, subject), (cluster) => ({
      cluster: toCluster(cluster, state, engine.observed()),
      sequence: toSequence(sequence),
    }));
  return {
    registerCluster: async (request, call) => register(parts, request, call),
    listClusters: async (request) => {
      const state = engine.state();
      // Folded once: it holds every report.
      const observed = engine.observed();
      return mapped(selectClusters(request, state), (found) => ({
        clusters: found.map((cluster) => toCluster(cluster, state, observed)),
        sequence: toSequence(state.sequence),
      }));
    },
    getCluster: async ({ cluster }) => {
      const state = engine.state();
      return answer(state, { sequence: state.sequence, subject: cluster });
    },
    acceptCluster: async (request, call) =>
      write(engine, { schema: AcceptClusterRequestSchema, request, command: acceptCluster(request), call, answer }),
    cordonCluster: async (request, call) =>
      write(engine, { schema: CordonClusterRequestSchema, request, command: cordonCluster(request), call, answer }),
    uncordonCluster: async (request, call) =>
      write(engine, { schema: UncordonClusterRequestSchema, request, command: uncordonCluster(request), call, answer }),
    drainCluster: async (request, call) => {
      const command = drainCluster(request, engine.logTimeMs());
      return write(engine, { schema: DrainClusterRequestSchema, request, command, call, answer });
    },
    revokeCluster: async (request, call) =>
      write(engine, { schema: RevokeClusterRequestSchema, request, command: revokeCluster(request), call, answer }),
    unregisterCluster: async (request, call) =>
      write(engine, {
        schema: UnregisterClusterRequestSchema,
        request,
        command: unregisterCluster(request),
        call,
        answer: (_state, { sequence }) => ok({ sequence: toSequence(sequence) }),
      }),
    watchClusters: async (_request, call) => watch(parts, call),
  };
}

/** The token exists here and in the answer, nowhere else: the log has its hash. */
async function register(
  { engine, authority, joinAddresses }: OperatorParts,
  request: RegisterClusterRequest,
  call: Call,
) {
  const secret = randomBytes(SECRET_BYTES).toString("base64url");
  const secretHash = secretHashOf(secret);
  return write(engine, {
    schema: RegisterClusterRequestSchema,
    request,
    command: registerCluster(request, { secretHash, nowMs: engine.logTimeMs() }),
    call,
    answer: (state, { sequence, subject }) =>
      mapped(findCluster(state, subject), (cluster) => {
        // A repeat got the first answer, whose token was shown then.
        const isFirst = cluster.token?.secretHash === secretHash;
        const ticket = { addresses: joinAddresses, pin: authority.pin, secret, cluster: subject };
        return {
          cluster: toCluster(cluster, state, engine.observed()),
          token: isFirst ? encodeJoinToken(ticket) : "",
          expiresAtUnixMs: BigInt(Math.trunc(cluster.token?.expiresAtMs ?? 0)),
          sequence: toSequence(sequence),
        };
      }),
  });
}

async function watch(
  { engine }: OperatorParts,
  { emit, signal }: Call & { readonly emit: Emit<typeof WatchClustersResponseSchema> },
) {
  let shown: ReadonlyMap<ClusterId, ClusterState> = new Map();
  let remaining: ReadonlyMap<ClusterId, number> = new Map();
  for await (const state of states(engine, signal)) {
    const sequence = toSequence(state.sequence);
    const left = drainsOf(state);
    const isMoved = shown !== state.clusters || [...left].some(([name, weight]) => weight !== remaining.get(name));
    if (!isMoved) continue;
    const observed = engine.observed();
    const view = (cluster: ClusterState) => toCluster(cluster, state, observed);
    for (const [name, cluster] of state.clusters) {
      const isNews = shown.get(name) !== cluster || left.get(name) !== remaining.get(name);
      if (isNews) await emit({ cluster: view(cluster), isRemoved: false, sequence });
    }
    for (const [name, cluster] of shown) {
      if (!state.clusters.has(name)) await emit({ cluster: view(cluster), isRemoved: true, sequence });
    }
    shown = state.clusters;
    remaining = left;
  }
  return ok(undefined);
}

/** How far each drain is: it moves with what is released, while the cluster itself stays as it is. */
function drainsOf(state: FleetState): ReadonlyMap<ClusterId, number> {
  const draining = [...state.clusters].filter(([, { drain }]) => drain !== undefined);
  return new Map(draining.map(([name]) => [name, remainingWeight(state, name)]));
}
