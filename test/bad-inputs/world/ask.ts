import { Metadata } from "@grpc/grpc-js";
import type { CallOptions, Client, ServiceError } from "@grpc/grpc-js";
import { REFUSAL_METADATA_KEY, fromStatusDetail } from "../../../src/wire/refusal-status.ts";

/** How a call came out, with all that a refusal says. */
export interface Answer {
  /** Number of the gRPC status; 0 for success. */
  readonly status: number;
  /** Stable code of the refusal; empty when there is none. */
  readonly code: string;
  /** Path of the field to blame. */
  readonly field: string;
  readonly message: string;
  readonly value?: unknown;
}

/** One call. */
export interface Question {
  readonly method: string;
  readonly request: object;
  readonly metadata?: Metadata;
  readonly options?: CallOptions;
}

type Unary = (
  request: object,
  metadata: Metadata,
  options: CallOptions,
  callback: (error: ServiceError | null, value: unknown) => void,
) => void;

/** Longer than any answer should take, so that a slow machine does not look like a refusal. */
const DEADLINE_MS = 20_000;

/** Makes a unary call. */
export async function ask(client: Client, question: Question): Promise<Answer> {
  const { method, request, metadata = new Metadata(), options = { deadline: Date.now() + DEADLINE_MS } } = question;
  const call = Reflect.get(client, method) as Unary;
  return await new Promise((resolve) => {
    call.call(client, request, metadata, options, (error, value) => {
      resolve(error === null ? { status: 0, code: "", field: "", message: "", value } : answerOf(error));
    });
  });
}

/** The answer inside a failed call. */
export function answerOf({ code: status, details, metadata }: ServiceError): Answer {
  const [detail] = (metadata as Metadata | undefined)?.get(REFUSAL_METADATA_KEY) ?? [];
  const refusal = Buffer.isBuffer(detail) ? fromStatusDetail(detail) : undefined;
  const { code = "", field = "", message = details } = refusal ?? {};
  return { status, code, field, message };
}
