import { mkdir } from "node:fs/promises";
import { userInfo } from "node:os";
import { join, resolve } from "node:path";
import type { Command } from "commander";
import { badName } from "../model/names.ts";
import { DEFAULT_TRUST_DOMAIN } from "../wire/spiffe.ts";
import { API } from "./api.ts";
import { readContexts, withContext, writeContexts, writePrivately } from "./contexts.ts";
import type { Context } from "./contexts.ts";
import { misused } from "./failure.ts";
import { several } from "./option.ts";
import { Planner } from "./planner.ts";
import { requestTimeoutMs } from "./session.ts";
import type { Session } from "./session.ts";
import { addressTarget, socketTarget } from "./target.ts";
import { harmless } from "./terminal.ts";

interface Options {
  readonly operator?: string;
  readonly name: string;
  readonly cert?: string;
  readonly key?: string;
  readonly ca?: string;
  readonly trustDomain: string;
  readonly days?: string;
  /** Global options. */
  readonly socket?: string;
  readonly address?: string;
  readonly requestTimeout?: string;
}

/** `weir login` */
export function addLogin(program: Command, session: Session): void {
  program
    .command("login")
    .description("remember a planner and who you are there: over its unix socket, or with a certificate that you have")
    .option("--operator <name>", "with --socket: name to get a certificate for; by default your user name")
    .option("--days <number>", "with --socket: how long the certificate shall live, 1 to 30")
    .option("--cert <path>", "with --address: your certificate")
    .option("--key <path>", "with --address: its private key")
    .option("--ca <path>", "with --address: the CA of the planners")
    .option("--trust-domain <name>", "trust domain of the certificates", DEFAULT_TRUST_DOMAIN)
    .option("--name <context>", "name of the context", "default")
    .addHelpText(
      "after",
      [
        "",
        "Examples:",
        "  weir login --socket /var/lib/weir/weir.sock --operator ana",
        "  weir login --address planner-1:7443,planner-2:7443 --cert ana.crt --key ana.key --ca ca.crt",
      ].join("\n"),
    )
    .action(async (_options: unknown, command: Command) => login(command.optsWithGlobals<Options>(), session));
}

async function login(options: Options, session: Session): Promise<void> {
  const reason = badName(options.name);
  if (reason !== undefined) throw misused(`--name ${JSON.stringify(options.name)} ${reason}`);
  const socket = options.socket ?? (options.address === undefined ? session.environment.socket : undefined);
  const context = socket === undefined ? withFiles(options) : await overSocket({ socket, options }, session);
  const { actor } = await greet(context, { options, session });
  const { folder } = session.environment;
  await writeContexts(folder, withContext(await readContexts(folder), context));
  const place = context.addresses.join(", ") || `the socket ${context.socket ?? ""}`;
  session.terminal.out(`you are ${harmless(actor)} at ${place}; context ${context.name}`);
}

/** Gets a certificate over the socket: whoever may open it is trusted. The key never leaves this machine. */
async function overSocket(
  { socket, options }: { readonly socket: string; readonly options: Options },
  session: Session,
): Promise<Context> {
  const operator = options.operator ?? userInfo().username;
  const reason = badName(operator);
  if (reason !== undefined) throw misused(`--operator ${JSON.stringify(operator)} ${reason}`);
  const planner = new Planner(socketTarget(resolve(socket)), requestTimeoutMs(options, session.environment));
  session.use(planner);
  // Loaded here alone: every other command starts faster without it.
  const { exportKeyPem, makeKeys, makeRequest } = await import("../io/pki/x509.ts");
  const keys = await makeKeys();
  const request = { operator, csr: await makeRequest(keys), ttlDays: daysOf(options.days) };
  const issued = await planner.call(API.admin.issueOperatorCertificate, request, session.signal);
  const folder = join(session.environment.folder, options.name);
  const paths = {
    certificate: join(folder, "operator.crt"),
    key: join(folder, "operator.key"),
    ca: join(folder, "ca.crt"),
  };
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await writePrivately(paths.key, await exportKeyPem(keys.privateKey));
  await writePrivately(paths.certificate, issued.certificateChainPem);
  await writePrivately(paths.ca, issued.caBundlePem);
  const { name, trustDomain } = options;
  return { name, addresses: issued.operatorAddresses, socket: resolve(socket), ...paths, trustDomain };
}

function daysOf(text: string | undefined): number {
  if (text === undefined) return 0;
  const days = Number(text);
  if (Number.isInteger(days) && days >= 1 && days <= 30) return days;
  throw misused(`--days ${JSON.stringify(text)} is not a whole number from 1 to 30`);
}

function withFiles({ address, cert, key, ca, name, trustDomain }: Options): Context {
  if (address === undefined)
    throw misused("say where the planner is", "--socket PATH beside it, or --address HOST:PORT with a certificate");
  if (cert === undefined || key === undefined || ca === undefined)
    throw misused("--address needs --cert, --key and --ca", "or get a certificate over the socket: --socket PATH");
  const paths = { certificate: resolve(cert), key: resolve(key), ca: resolve(ca) };
  return { name, addresses: several(address), ...paths, trustDomain };
}

/** Asks the planner who this is, so that a context that is remembered is one that works. */
async function greet(
  context: Context,
  { options, session }: { readonly options: Options; readonly session: Session },
): Promise<{ readonly actor: string }> {
  const { addresses, socket } = context;
  const isSocket = addresses.length === 0 && socket !== undefined;
  const target = isSocket ? socketTarget(socket) : await addressTarget(addresses, context);
  const planner = new Planner(target, requestTimeoutMs(options, session.environment));
  session.use(planner);
  return planner.call(API.admin.whoAmI, {}, session.signal);
}
