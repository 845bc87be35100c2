import {
  credentials,
  Metadata,
  makeGenericClientConstructor,
  status,
  type Client,
  type ServiceError,
} from "@grpc/grpc-js";
import type { DescMessage, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import { ClusterService } from "../../proto/gen/weir/v1/fleet_pb.ts";
import { PlanService } from "../../proto/gen/weir/v1/plan_pb.ts";
import { ServiceService, ShiftService, StatusService } from "../../proto/gen/weir/v1/traffic_pb.ts";
import { rpcService, type RpcMethod } from "../../src/wire/rpc.ts";

const CLUSTERS = rpcService(ClusterService);
const SERVICES = rpcService(ServiceService);
const SHIFTS = rpcService(ShiftService);
const STATUS = rpcService(StatusService);
const PLANS = rpcService(PlanService);

/** Methods that the demo calls, by name. */
export const METHODS = {
  registerCluster: CLUSTERS.registerCluster,
  acceptCluster: CLUSTERS.acceptCluster,
  listClusters: CLUSTERS.listClusters,
  drainCluster: CLUSTERS.drainCluster,
  uncordonCluster: CLUSTERS.uncordonCluster,
  applyService: SERVICES.applyService,
  requestShift: SHIFTS.requestShift,
  getShift: SHIFTS.getShift,
  getStatus: STATUS.getStatus,
  getPlan: PLANS.getPlan,
  explainPlan: PLANS.explainPlan,
} as const;

type Unary = (
  path: string,
  serialize: (value: never) => Buffer,
  deserialize: (bytes: Buffer) => unknown,
  request: unknown,
  metadata: Metadata,
  options: { deadline: number },
  answer: (error: ServiceError | null, value?: unknown) => void,
) => void;

/** Calls the operator API over the planners' unix sockets, at whichever replica answers. */
export class Operator {
  readonly #clients: readonly Client[];

  constructor(sockets: readonly string[]) {
    const Constructor = makeGenericClientConstructor({}, "weir");
    this.#clients = sockets.map((socket) => new Constructor(`unix:${socket}`, credentials.createInsecure()));
  }

  /** One call; tries the replicas in turn until one answers or `timeoutMs` is over. A refusal is thrown as it is. */
  async call<I extends DescMessage, O extends DescMessage>(
    method: RpcMethod<I, O>,
    request: MessageInitShape<I>,
    timeoutMs = 15_000,
  ): Promise<MessageShape<O>> {
    const deadline = Date.now() + timeoutMs;
    for (let attempt = 0; ; attempt += 1) {
      const client = this.#clients[attempt % this.#clients.length];
      if (client === undefined) throw new Error("no planner to call");
      try {
        return await callOnce(client, method, request, Math.min(deadline, Date.now() + 5_000));
      } catch (error) {
        if (!isPassing(error) || Date.now() >= deadline) throw error;
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }
  }

  close(): void {
    for (const client of this.#clients) client.close();
  }
}

async function callOnce<I extends DescMessage, O extends DescMessage>(
  client: Client,
  method: RpcMethod<I, O>,
  request: MessageInitShape<I>,
  deadline: number,
): Promise<MessageShape<O>> {
  const call = client.makeUnaryRequest.bind(client) as unknown as Unary;
  return await new Promise((resolve, reject) => {
    call(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      request,
      new Metadata(),
      { deadline },
      (error, value) => (error === null ? resolve(value as MessageShape<O>) : reject(error)),
    );
  });
}

/** Whether another replica, or the same one later, may answer. Writes carry request ids, so a repeat is harmless. */
function isPassing(error: unknown): boolean {
  const code = (error as Partial<ServiceError>).code;
  return code === status.UNAVAILABLE || code === status.DEADLINE_EXCEEDED || code === status.CANCELLED;
}
