import { randomUUID } from "node:crypto";
import type { DescMessage, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import { create, toJson } from "@bufbuild/protobuf";
import type { Command } from "commander";
import { stringify } from "yaml";
import type { RpcMethod } from "../wire/rpc.ts";
import type { Environment } from "./config.ts";
import { misused } from "./failure.ts";
import { parseDuration } from "./notation.ts";
import { Planner } from "./planner.ts";
import { findTarget } from "./target.ts";
import type { Terminal } from "./terminal.ts";

/** How an answer is printed. */
export type Format = "table" | "json" | "yaml";

/** Options that every command takes. */
interface GlobalOptions {
  readonly output?: string;
  readonly context?: string;
  readonly address?: string;
  readonly socket?: string;
  readonly requestTimeout?: string;
}

/** What a command works with: where it writes, whom it asks, and when to stop. */
export class Session {
  readonly terminal: Terminal;
  readonly environment: Environment;
  readonly signal: AbortSignal;
  #planner: Planner | undefined;

  constructor(options: {
    readonly terminal: Terminal;
    readonly environment: Environment;
    readonly signal: AbortSignal;
  }) {
    this.terminal = options.terminal;
    this.environment = options.environment;
    this.signal = options.signal;
  }

  /** How the answer is to be printed. */
  format(command: Command): Format {
    const wanted = command.optsWithGlobals<GlobalOptions>().output ?? this.environment.output ?? "table";
    if (wanted === "table" || wanted === "json" || wanted === "yaml") return wanted;
    throw misused(`there is no output format ${JSON.stringify(wanted)}`, "formats: table, json, yaml");
  }

  /** The planner that the options, the environment or the context name. */
  async planner(command: Command): Promise<Planner> {
    if (this.#planner !== undefined) return this.#planner;
    const options = command.optsWithGlobals<GlobalOptions>();
    const target = await findTarget(options, this.environment);
    this.#planner = new Planner(target, requestTimeoutMs(options, this.environment));
    return this.#planner;
  }

  /** Uses a planner that a command found by itself. */
  use(planner: Planner): void {
    this.#planner?.close();
    this.#planner = planner;
  }

  /** Makes one request. */
  async call<I extends DescMessage, O extends DescMessage>(
    command: Command,
    method: RpcMethod<I, O>,
    request: MessageInitShape<I>,
  ): Promise<MessageShape<O>> {
    const planner = await this.planner(command);
    return planner.call(method, request, this.signal);
  }

  /** Prints a message in the wanted format; `lines` make the table. */
  print<S extends DescMessage>(
    command: Command,
    {
      schema,
      message,
      lines,
    }: { readonly schema: S; readonly message: MessageShape<S>; readonly lines: () => readonly string[] },
  ): void {
    const format = this.format(command);
    const printed =
      format === "table" ? lines() : [structured(toJson(schema, message, { alwaysEmitImplicit: true }), format)];
    for (const line of printed) this.terminal.out(line);
  }

  /** Prints a plain value in the wanted format. */
  printValue(command: Command, value: unknown, lines: () => readonly string[]): void {
    const format = this.format(command);
    for (const line of format === "table" ? lines() : [structured(value, format)]) this.terminal.out(line);
  }

  /** Closes what was opened. */
  close(): void {
    this.#planner?.close();
  }
}

function structured(value: unknown, format: "json" | "yaml"): string {
  return format === "json" ? JSON.stringify(value, null, 2) : stringify(value).trimEnd();
}

/** Time for one request, from the flag or the environment; 10 s when neither says. */
export function requestTimeoutMs(options: { readonly requestTimeout?: string }, environment: Environment): number {
  const text = options.requestTimeout ?? environment.requestTimeout ?? "10s";
  const ms = parseDuration(text);
  if (ms === undefined || ms === 0) throw misused(`${JSON.stringify(text)} is no time`, "write it as 10s or 1m30s");
  return ms;
}

/** A new request id: the same write asked twice is done once. */
export function newRequestId(): string {
  return `cli-${randomUUID()}`;
}

/** A message from its parts. */
export function messageOf<S extends DescMessage>(schema: S, init: MessageInitShape<S>): MessageShape<S> {
  return create(schema, init);
}
