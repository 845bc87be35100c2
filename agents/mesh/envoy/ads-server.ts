import { chmod, rm } from "node:fs/promises";
import { BlockList, isIP } from "node:net";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import type { ServerDuplexStream, ServiceDefinition, UntypedServiceImplementation } from "@grpc/grpc-js";
import type { DiscoveryRequest } from "../../../proto/gen/envoy/service/discovery/v3/discovery_pb.ts";
import { AggregatedDiscoveryService } from "../../../proto/gen/envoy/service/discovery/v3/ads_pb.ts";
import type { Refusal } from "../../../src/model/refusal.ts";
import type { Result } from "../../../src/model/result.ts";
import { ok, refuse } from "../../../src/model/result.ts";
import { rpcService } from "../../../src/wire/rpc.ts";
import type { Preserialized } from "../../../src/wire/rpc.ts";
import type { Offer, Standing } from "./ads-stream.ts";
import { AdsStream } from "./ads-stream.ts";
import { encodeResponse } from "./encode-response.ts";

/** Where proxies reach the agent: a TCP address or a unix socket. */
export type AdsAddress = { readonly address: string; readonly port: number } | { readonly socket: string };

/** Certificates in PEM, for both sides to prove who they are. */
export interface AdsTls {
  readonly certificate: string;
  readonly key: string;
  /** Who may sign the proxies' certificates. */
  readonly authority: string;
}

/** Says what happened, in a fixed phrase with the data beside it. */
export type Log = (level: "debug" | "info" | "warn", message: string, data: Readonly<Record<string, unknown>>) => void;

/** A further gRPC service that the proxies call on the same listener. */
export interface Beside {
  readonly definition: ServiceDefinition;
  readonly implementation: UntypedServiceImplementation;
}

export interface AdsOptions {
  readonly listen: AdsAddress;
  readonly tls?: AdsTls;
  readonly beside: readonly Beside[];
  /** Told whenever a client came, went, accepted or refused something. */
  readonly onChange: () => void;
  readonly log: Log;
}

/** The proxies' configuration server. */
export interface AdsServer {
  /** Where it listens; the port is the real one where 0 was asked for. */
  readonly listen: AdsAddress;
  offer(offer: Offer): void;
  standings(): readonly Standing[];
  /** Names that proxyless clients dial. */
  dialled(): ReadonlySet<string>;
  close(): void;
}

/**
 * Whether proxies may be served there without certificates: on loopback or a unix socket, where nobody else can listen in. Anything
 * else needs them on both sides.
 */
export function judgeListen(listen: AdsAddress, tls: AdsTls | undefined): Result<AdsAddress, Refusal> {
  if ("socket" in listen || tls !== undefined || isLoopback(listen.address)) return ok(listen);
  return refuse({
    code: "FIELD_INVALID",
    field: "ads.address",
    message: `${listen.address} is not a loopback address: serve proxies there with certificates on both sides, or listen on 127.0.0.1, ::1 or a unix socket`,
  });
}

function isLoopback(address: string): boolean {
  const family = isIP(address);
  if (family === 0) return false;
  const loopback = new BlockList();
  loopback.addSubnet("127.0.0.0", 8, "ipv4");
  loopback.addAddress("::1", "ipv6");
  return loopback.check(address, family === 4 ? "ipv4" : "ipv6");
}

/** Far more than the names of every service that a proxy may subscribe to, and its metadata. */
const REQUEST_BYTES_MAX = 16 * 1_024 * 1_024;

/** Starts serving. Rejects when the address cannot be had. */
export async function serveAds(options: AdsOptions): Promise<AdsServer> {
  const hub = createHub(options);
  const server = new Server({ "grpc.max_receive_message_length": REQUEST_BYTES_MAX });
  // Clients that ask for increments get what gRPC says to the unimplemented.
  server.addService(rpcService(AggregatedDiscoveryService), { streamAggregatedResources: hub.open });
  for (const { definition: other, implementation } of options.beside) server.addService(other, implementation);
  const listen = await bind(server, options);
  return {
    listen,
    offer: hub.offer,
    standings: hub.standings,
    dialled: hub.dialled,
    close: () => server.forceShutdown(),
  };
}

type Call = ServerDuplexStream<DiscoveryRequest, Preserialized>;

function createHub({ onChange, log }: AdsOptions) {
  const streams = new Set<AdsStream>();
  let current: Offer | undefined;
  const open = (call: Call) => {
    const stream = new AdsStream((response) => void call.write(encodeResponse(response)));
    const client = followed(call, log);
    streams.add(stream);
    if (current !== undefined) stream.offer(current);
    const gone = () => {
      if (streams.delete(stream)) onChange();
    };
    call.on("data", (request: DiscoveryRequest) => {
      client(request);
      stream.receive(requestOf(request));
      onChange();
    });
    call.on("end", () => call.end());
    // A client that goes away is no event of note: proxies restart. The stream just ends.
    call.on("error", gone);
    call.on("close", gone);
    call.on("cancelled", gone);
  };
  return {
    open,
    offer: (offer: Offer) => {
      current = offer;
      for (const stream of streams) stream.offer(offer);
    },
    standings: () => [...streams].map((stream) => stream.standing()),
    dialled: () => new Set([...streams].flatMap((stream) => stream.dialled())),
  };
}

/** Logs who connects, which a client says once, and every refusal. */
function followed(call: Call, log: Log): (request: DiscoveryRequest) => void {
  let node = "";
  return (request) => {
    if (node === "" && request.node !== undefined) {
      node = request.node.id;
      log("info", "proxy connected", { node, agent: request.node.userAgentName, peer: call.getPeer() });
    }
    if (request.errorDetail !== undefined) {
      log("warn", "proxy refused configuration", {
        node,
        type: request.typeUrl,
        detail: request.errorDetail.message.slice(0, 600),
      });
    }
  };
}

function requestOf({ typeUrl, resourceNames, responseNonce, errorDetail }: DiscoveryRequest) {
  const request = { typeUrl, names: resourceNames, nonce: responseNonce };
  return errorDetail === undefined ? request : { ...request, refusal: errorDetail.message };
}

async function bind(server: Server, { listen, tls }: AdsOptions): Promise<AdsAddress> {
  if ("socket" in listen) {
    // Left over by a process that was killed: nobody listens there, or binding would be no different.
    await rm(listen.socket, { force: true });
    await bindTo(server, `unix:${listen.socket}`, ServerCredentials.createInsecure());
    await chmod(listen.socket, 0o600);
    return listen;
  }
  const host = isIP(listen.address) === 6 ? `[${listen.address}]` : listen.address;
  const port = await bindTo(server, `${host}:${listen.port}`, credentials(tls));
  return { address: listen.address, port };
}

function credentials(tls: AdsTls | undefined): ServerCredentials {
  if (tls === undefined) return ServerCredentials.createInsecure();
  const pair = { cert_chain: Buffer.from(tls.certificate), private_key: Buffer.from(tls.key) };
  return ServerCredentials.createSsl(Buffer.from(tls.authority), [pair], true);
}

async function bindTo(server: Server, target: string, how: ServerCredentials): Promise<number> {
  return await new Promise((resolve, reject) => {
    server.bindAsync(target, how, (error, port) => (error === null ? resolve(port) : reject(error)));
  });
}
