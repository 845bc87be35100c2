import { readFile } from "node:fs/promises";
import { readContexts } from "./contexts.ts";
import type { Context } from "./contexts.ts";
import type { Environment } from "./config.ts";
import { misused } from "./failure.ts";

/** What an operator proves itself with. */
export interface Credentials {
  readonly ca: Buffer;
  readonly key: Buffer;
  readonly certificate: Buffer;
  readonly trustDomain: string;
  /** Paths of the three, for messages. */
  readonly paths: { readonly ca: string; readonly key: string; readonly certificate: string };
}

/** Where the planner is, and who asks. */
export interface Target {
  /** In the form that gRPC dials. */
  readonly endpoints: readonly string[];
  /** The same for people. */
  readonly words: string;
  /** Undefined over a unix socket, where the file's mode says who may ask. */
  readonly credentials: Credentials | undefined;
}

/** What the command line says of the target; it wins over the environment. */
export interface TargetFlags {
  readonly context?: string | undefined;
  readonly address?: string | undefined;
  readonly socket?: string | undefined;
}

/** Finds the planner: flags, then environment, then the context. Fails with what to do when nothing names one. */
export async function findTarget(flags: TargetFlags, environment: Environment): Promise<Target> {
  const socket = flags.socket ?? (flags.address === undefined ? environment.socket : undefined);
  if (socket !== undefined) return socketTarget(socket);
  const context = await findContext(flags.context ?? environment.context, environment);
  const address = flags.address ?? environment.address;
  if (address !== undefined) return addressTarget(address.split(","), requireIdentity(context, address));
  if (context === undefined)
    throw misused("no planner is known", "say where it is with `weir login`, or with --socket PATH");
  if (context.addresses.length === 0 && context.socket !== undefined) return socketTarget(context.socket);
  return addressTarget(context.addresses, context);
}

async function findContext(name: string | undefined, { folder }: Environment): Promise<Context | undefined> {
  const { current, contexts } = await readContexts(folder);
  const wanted = name ?? current;
  const found = contexts.find((context) => context.name === wanted);
  if (found !== undefined || name === undefined) return found;
  const known = contexts.map((context) => context.name).join(", ") || "none";
  throw misused(`there is no context ${JSON.stringify(name)}; known: ${known}`, "add one with `weir login`");
}

/** There is no listener without authentication: an address needs a certificate to show there. */
function requireIdentity(context: Context | undefined, address: string): Context {
  if (context !== undefined) return context;
  throw misused(`no certificate to show to ${address}`, "get one with `weir login --socket PATH --operator NAME`");
}

/** A planner behind its unix socket. */
export function socketTarget(path: string): Target {
  return { endpoints: [`unix:${path}`], words: `the socket ${path}`, credentials: undefined };
}

/** A planner at its addresses, asked with the certificate of a context. */
export async function addressTarget(addresses: readonly string[], context: Context): Promise<Target> {
  const wrong = addresses.find((address) => !/^(\[[0-9a-fA-F:.]+\]|[^:\s/]+):\d{1,5}$/.test(address));
  if (wrong !== undefined) throw misused(`${JSON.stringify(wrong)} is not of the form host:port`);
  if (addresses.length === 0) throw misused(`the context ${context.name} names no planner`, "run `weir login` again");
  const { ca, key, certificate, trustDomain } = context;
  if (ca === undefined || key === undefined || certificate === undefined)
    throw misused(`the context ${context.name} has no certificate`, "get one with `weir login`");
  const paths = { ca, key, certificate };
  return {
    endpoints: addresses,
    words: addresses.join(", "),
    credentials: {
      ca: await readPart(ca),
      key: await readPart(key),
      certificate: await readPart(certificate),
      trustDomain,
      paths,
    },
  };
}

async function readPart(path: string): Promise<Buffer> {
  return readFile(path).catch((error: NodeJS.ErrnoException) => {
    throw misused(`${path} cannot be read: ${error.code ?? error.message}`, "run `weir login` again");
  });
}
