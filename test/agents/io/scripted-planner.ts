import { Metadata, Server, ServerCredentials } from "@grpc/grpc-js";
import type { ServerDuplexStream, ServerUnaryCall, sendUnaryData } from "@grpc/grpc-js";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { onTestFinished } from "vitest";
import { AgentService, JoinService } from "../../../proto/gen/weir/v1/agent_pb.ts";
import type {
  ConnectRequest,
  ConnectResponseSchema,
  Hello,
  JoinRequest,
  JoinResponseSchema,
  RenewCertificateRequest,
  RenewCertificateResponseSchema,
} from "../../../proto/gen/weir/v1/agent_pb.ts";
import { CLOCK_SKEW_MS, createAuthority, newSerial } from "../../../src/io/pki/authority.ts";
import type { Authority } from "../../../src/io/pki/authority.ts";
import { readSigningRequest } from "../../../src/io/pki/csr.ts";
import { issue } from "../../../src/io/pki/issue.ts";
import { exportKeyPem, exportPublicKey, makeKeys, signLeaf } from "../../../src/io/pki/x509.ts";
import type { Refusal } from "../../../src/model/refusal.ts";
import { encodeJoinToken } from "../../../src/wire/join-token.ts";
import { REFUSAL_METADATA_KEY, toStatus } from "../../../src/wire/refusal-status.ts";
import { rpcService } from "../../../src/wire/rpc.ts";
import { spiffeId } from "../../../src/wire/spiffe.ts";
import { identify } from "../../../agents/io/identity.ts";
import type { AgentIdentity } from "../../../agents/io/identity.ts";

type Down = MessageInitShape<typeof ConnectResponseSchema>;

/** One plan stream as the planner sees it. */
export interface SeenStream {
  readonly hello: Hello;
  /** Everything after the hello. */
  readonly said: ConnectRequest[];
  readonly peerNames: string;
  send(message: Down): void;
  /** Ends the stream with OK. */
  end(): void;
  isOpen: boolean;
}

/** A small planner on a real TLS listener that does as a test says. */
export interface ScriptedPlanner {
  readonly authority: Authority;
  readonly address: string;
  readonly streams: SeenStream[];
  readonly joins: JoinRequest[];
  /** Next answers to Join and Connect; undefined: the ordinary one. */
  refuseJoin?: Refusal;
  refuseConnect?: Refusal;
  /** Life of certificates issued from now on, in ms. */
  ttlMs: number;
  token(change?: { readonly pin?: string; readonly addresses?: readonly string[] }): string;
  /** Ends the server at once, with all its streams. */
  kill(): void;
}

/** How the planner is to be made. */
export interface PlannerWish {
  readonly authority?: Authority;
  /** Port to listen on; default: a free one. */
  readonly port?: number;
  /** Whom the server's certificate names; default: a planner. */
  readonly names?: "planner" | "operator";
}

/** A new CA of the trust domain `weir`. */
export async function anAuthority(): Promise<Authority> {
  return (await createAuthority({ trustDomain: "weir", nowMs: Date.now() })).authority;
}

/** An agent's identity, as if it had joined. */
export async function anIdentity(authority: Authority, name = "us-east", ttlMs = 3_600_000): Promise<AgentIdentity> {
  const keys = await makeKeys();
  const publicKey = await exportPublicKey(keys.publicKey);
  const identity = { kind: "cluster" as const, name };
  const { chainPem } = await issue(authority, { identity, publicKey, nowMs: Date.now(), ttlMs });
  return identify({ keyPem: await exportKeyPem(keys.privateKey), chainPem, caPem: authority.bundlePem });
}

/** Starts one on 127.0.0.1; it ends with the test. */
export async function startScriptedPlanner(wish: PlannerWish = {}): Promise<ScriptedPlanner> {
  const authority = wish.authority ?? (await anAuthority());
  const server = new Server();
  const planner: ScriptedPlanner = {
    authority,
    address: "",
    streams: [],
    joins: [],
    ttlMs: 3_600_000,
    token: ({ pin = authority.pin, addresses = [planner.address] } = {}) =>
      encodeJoinToken({ addresses, pin, secret: "0123456789abcdef0123", cluster: "us-east" }),
    kill: () => server.forceShutdown(),
  };
  server.addService(rpcService(JoinService), {
    join: (
      call: ServerUnaryCall<JoinRequest, never>,
      answer: sendUnaryData<MessageInitShape<typeof JoinResponseSchema>>,
    ) => void join(planner, call.request, answer),
  });
  server.addService(rpcService(AgentService), {
    connect: (stream: ServerDuplexStream<ConnectRequest, Down>) => attend(planner, stream),
    renewCertificate: (
      call: ServerUnaryCall<RenewCertificateRequest, never>,
      answer: sendUnaryData<MessageInitShape<typeof RenewCertificateResponseSchema>>,
    ) => void renew(planner, call.request, answer),
  });
  const port = await bind(server, { authority, port: wish.port ?? 0, names: wish.names ?? "planner" });
  onTestFinished(() => server.forceShutdown());
  return Object.assign(planner, { address: `127.0.0.1:${port}` });
}

async function bind(server: Server, { authority, port, names }: Required<PlannerWish>): Promise<number> {
  const keys = await makeKeys();
  const publicKey = await exportPublicKey(keys.publicKey);
  const validity = { notBeforeMs: Date.now() - CLOCK_SKEW_MS, notAfterMs: Date.now() + 3_600_000 };
  // The right authority and the right use, and whatever name the test wants.
  const name = spiffeId("weir", { kind: names, name: "p1" });
  const leaf = {
    kind: "planner" as const,
    names: [{ type: "url" as const, value: name }],
    publicKey,
    serial: newSerial(),
    validity,
  };
  const chain = (await signLeaf(leaf, authority)) + authority.certificatePem;
  const pair = { cert_chain: Buffer.from(chain), private_key: Buffer.from(await exportKeyPem(keys.privateKey)) };
  // As on the real join listener, a client certificate is not asked for here; streams are checked by their test.
  const credentials = ServerCredentials.createSsl(Buffer.from(authority.bundlePem), [pair], false);
  return await new Promise((resolve, reject) => {
    server.bindAsync(`127.0.0.1:${port}`, credentials, (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
}

async function join(
  planner: ScriptedPlanner,
  request: JoinRequest,
  answer: sendUnaryData<MessageInitShape<typeof JoinResponseSchema>>,
): Promise<void> {
  planner.joins.push(request);
  const refused = planner.refuseJoin;
  delete planner.refuseJoin;
  if (refused !== undefined) return answer(errorOf(refused));
  const certificateChainPem = await certify(planner, request.csr);
  const planners = [planner.address];
  const caBundlePem = planner.authority.bundlePem;
  return answer(null, { cluster: "us-east", certificateChainPem, caBundlePem, plannerAddresses: planners });
}

async function renew(
  planner: ScriptedPlanner,
  { csr }: RenewCertificateRequest,
  answer: sendUnaryData<MessageInitShape<typeof RenewCertificateResponseSchema>>,
): Promise<void> {
  answer(null, { certificateChainPem: await certify(planner, csr), caBundlePem: planner.authority.bundlePem });
}

async function certify({ authority, ttlMs }: ScriptedPlanner, csr: Uint8Array): Promise<string> {
  const request = await readSigningRequest(csr);
  if (!request.ok) throw new Error(request.refusal.message);
  const identity = { kind: "cluster" as const, name: "us-east" };
  const { publicKey } = request.value;
  return (await issue(authority, { identity, publicKey, nowMs: Date.now(), ttlMs })).chainPem;
}

function attend(planner: ScriptedPlanner, stream: ServerDuplexStream<ConnectRequest, Down>): void {
  stream.on("error", () => undefined);
  const refused = planner.refuseConnect;
  delete planner.refuseConnect;
  if (refused !== undefined) {
    stream.emit("error", errorOf(refused));
    return;
  }
  let seen: SeenStream | undefined;
  stream.on("data", (request: ConnectRequest) => {
    if (seen !== undefined) {
      seen.said.push(request);
      return;
    }
    if (request.message.case !== "hello") throw new Error("the first message is no hello");
    seen = {
      hello: request.message.value,
      said: [],
      isOpen: true,
      peerNames: stream.getAuthContext().sslPeerCertificate?.subjectaltname ?? "",
      send: (message) => void stream.write(message),
      end: () => void stream.end(),
    };
    planner.streams.push(seen);
    stream.sendMetadata(new Metadata());
  });
  const closed = (): void => {
    if (seen !== undefined) seen.isOpen = false;
  };
  stream.on("end", () => stream.end());
  stream.on("cancelled", closed);
  stream.on("close", closed);
}

function errorOf(refusal: Refusal): { code: number; details: string; metadata: Metadata } {
  const { code, details, detail } = toStatus(refusal);
  const metadata = new Metadata();
  metadata.set(REFUSAL_METADATA_KEY, Buffer.from(detail));
  return { code, details, metadata };
}
