import type { DescService } from "@bufbuild/protobuf";
import { ChannelCredentials, Metadata, makeClientConstructor } from "@grpc/grpc-js";
import type { CallOptions, Client, ServiceError } from "@grpc/grpc-js";
import { issue } from "../../../src/io/pki/issue.ts";
import type { Authority } from "../../../src/io/pki/authority.ts";
import { exportKeyPem, makeKeys } from "../../../src/io/pki/x509.ts";
import { REFUSAL_METADATA_KEY, fromStatusDetail } from "../../../src/wire/refusal-status.ts";
import { rpcService } from "../../../src/wire/rpc.ts";
import { notPlanner } from "../../../src/wire/spiffe.ts";
import type { Identity } from "../../../src/wire/spiffe.ts";

/** A key and the certificate for it. */
export interface Credentials {
  readonly keyPem: string;
  readonly chainPem: string;
  readonly serial: string;
}

/** A certificate as the planner itself would issue it. */
export async function credentialsFor(
  authority: Authority,
  identity: Identity,
  ttlMs = 3_600_000,
): Promise<Credentials> {
  const keys = await makeKeys();
  const publicKey = new Uint8Array(await crypto.subtle.exportKey("spki", keys.publicKey));
  const { chainPem, serial } = await issue(authority, { identity, publicKey, nowMs: Date.now(), ttlMs });
  return { keyPem: await exportKeyPem(keys.privateKey), chainPem, serial };
}

/** Channel credentials that trust the fleet's CA and a planner's name; with a client certificate, or without. */
export function channelCredentials(
  authority: Authority,
  own?: { keyPem: string; chainPem: string },
): ChannelCredentials {
  return ChannelCredentials.createSsl(
    Buffer.from(authority.bundlePem),
    own === undefined ? null : Buffer.from(own.keyPem),
    own === undefined ? null : Buffer.from(own.chainPem),
    {
      checkServerIdentity: (_host, { subjectaltname }) => {
        const reason = notPlanner(authority.trustDomain, subjectaltname);
        return reason === undefined ? undefined : new Error(reason);
      },
    },
  );
}

/** A client of one service. Messages are protobuf-es initialisers. */
export function clientOf(service: DescService, address: string, credentials: ChannelCredentials) {
  const Constructor = makeClientConstructor(rpcService(service) as never, service.typeName);
  return new Constructor(address, credentials, { "grpc.enable_retries": 0, "grpc.use_local_subchannel_pool": 1 });
}

/** How a call came out. */
export type Outcome =
  | { readonly ok: true; readonly value: Record<string, unknown> }
  | { readonly ok: false; readonly status: number; readonly code: string | undefined; readonly details: string };

/** Makes a unary call. */
export async function call(
  client: Client,
  method: string,
  { request, metadata = new Metadata(), options = {} }: { request: object; metadata?: Metadata; options?: CallOptions },
): Promise<Outcome> {
  const run = Reflect.get(client, method) as (
    request: object,
    metadata: Metadata,
    options: CallOptions,
    callback: (error: ServiceError | null, value: unknown) => void,
  ) => void;
  const limits = { deadline: Date.now() + 5_000, ...options };
  return new Promise((resolve) => {
    run.call(client, request, metadata, limits, (error, value) => {
      resolve(error === null ? { ok: true, value: value as Record<string, unknown> } : failure(error));
    });
  });
}

/** The refusal inside a failed call's status. */
export function failure({ code, details, metadata }: ServiceError): Outcome {
  const [detail] = metadata?.get(REFUSAL_METADATA_KEY) ?? [];
  const refusal = Buffer.isBuffer(detail) ? fromStatusDetail(detail) : undefined;
  return { ok: false, status: code, code: refusal?.code, details };
}
