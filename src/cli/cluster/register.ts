import { InvalidArgumentError } from "commander";
import type { Command } from "commander";
import { RegisterClusterResponseSchema } from "../../../proto/gen/weir/v1/fleet_pb.ts";
import type { RegisterClusterResponse } from "../../../proto/gen/weir/v1/fleet_pb.ts";
import { API } from "../api.ts";
import { duration } from "../notation.ts";
import { pairs, time } from "../option.ts";
import { newRequestId } from "../session.ts";
import type { Session } from "../session.ts";

interface Options {
  readonly region?: string;
  readonly label?: Readonly<Record<string, string>>;
  readonly rtt?: Readonly<Record<string, number>>;
  readonly egress?: Readonly<Record<string, number>>;
  readonly gateway?: { readonly address: string; readonly port: number };
  readonly uid?: string;
  readonly maxDestinations?: number;
  readonly tokenTtl?: number;
}

/** `weir cluster register NAME`: makes the token with which an agent joins. */
export function addRegister(parent: Command, session: Session): void {
  parent
    .command("register")
    .description("make a one-use token with which a cluster's agent joins")
    .argument("<name>", "name of the cluster, such as eu-west")
    .option("--region <region>", "region it lies in")
    .option("--label <key=value>", "label to select it by; may be repeated", pairs)
    .option("--rtt <cluster=time>", "round trip to another cluster, such as us-east=80ms; may be repeated", rtts)
    .option(
      "--egress <cluster=dollars>",
      "price of a GB to another cluster, such as us-east=0.02; may be repeated",
      prices,
    )
    .option("--gateway <host:port>", "where other clusters reach its gateway; by default its agent says", gateway)
    .option("--uid <uid>", "UID that the joining cluster must have; by default the first that comes")
    .option(
      "--max-destinations <number>",
      "most destinations of one route of its mesh; by default its agent says",
      count,
    )
    .option("--token-ttl <time>", "how long the token may wait, at most 1h", time)
    .action(async (name: string, options: Options, command: Command) => register({ name, options, command }, session));
}

async function register(
  { name, options, command }: { readonly name: string; readonly options: Options; readonly command: Command },
  session: Session,
): Promise<void> {
  const { region = "", label = {}, rtt = {}, egress = {}, gateway: address, uid = "", tokenTtl = 0 } = options;
  const { maxDestinations } = options;
  const spec = {
    name,
    region,
    labels: { ...label },
    rttMs: { ...rtt },
    egressDollarsPerGb: { ...egress },
    expectedUid: uid,
  };
  const message = await session.call(command, API.clusters.registerCluster, {
    requestId: newRequestId(),
    spec: {
      ...spec,
      ...(address === undefined ? {} : { gateway: address }),
      ...(maxDestinations === undefined ? {} : { maxDestinations }),
    },
    tokenTtlSeconds: Math.ceil(tokenTtl / 1_000),
  });
  session.print(command, {
    schema: RegisterClusterResponseSchema,
    message,
    lines: () => told(name, message, Date.now()),
  });
}

function told(name: string, message: RegisterClusterResponse, nowMs: number): readonly string[] {
  const life = duration(Number(message.expiresAtUnixMs) - nowMs);
  return [
    `cluster ${name} is registered. Its token works once, for ${life}:`,
    "",
    `  ${message.token}`,
    "",
    `Start the agent there with it, then run: weir cluster accept ${name}`,
  ];
}

function rtts(text: string, before: Readonly<Record<string, number>> = {}): Readonly<Record<string, number>> {
  const entries = Object.entries(pairs(text)).map(([cluster, value]) => [cluster, time(value)] as const);
  return { ...before, ...Object.fromEntries(entries) };
}

function prices(text: string, before: Readonly<Record<string, number>> = {}): Readonly<Record<string, number>> {
  const entries = Object.entries(pairs(text)).map(([cluster, value]) => [cluster, dollars(value)] as const);
  return { ...before, ...Object.fromEntries(entries) };
}

function count(text: string): number {
  if (!/^[1-9]\d{0,4}$/.test(text)) throw new InvalidArgumentError("write a whole number, such as 16.");
  return Number(text);
}

function dollars(text: string): number {
  if (!/^\d{1,7}(\.\d{1,9})?$/.test(text)) throw new InvalidArgumentError("write a price in dollars, such as 0.02.");
  return Number(text);
}

function gateway(text: string): { readonly address: string; readonly port: number } {
  const parts = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text);
  if (parts === null) throw new InvalidArgumentError("write it as host:port.");
  return { address: parts[1] ?? parts[2] ?? "", port: Number(parts[3]) };
}
