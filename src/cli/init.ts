import { join } from "node:path";
import type { Command } from "commander";
import { DEFAULT_TRUST_DOMAIN } from "../wire/spiffe.ts";
import { EXIT, Failure, misused } from "./failure.ts";
import type { Session } from "./session.ts";

interface Options {
  readonly dir: string;
  readonly trustDomain: string;
  readonly nats: string;
  readonly operator: string;
}

/** `weir init --dir DIR`: makes the CA, NATS' accounts and a first operator. */
export function addInit(program: Command, session: Session): void {
  program
    .command("init")
    .description("make a new fleet's secrets: its CA, its NATS accounts, a first operator")
    .requiredOption("--dir <folder>", "folder to make them in; must hold none of them")
    .option("--trust-domain <name>", "trust domain of the certificates", DEFAULT_TRUST_DOMAIN)
    .option("--nats <host:port>", "where the NATS server shall listen", "127.0.0.1:4222")
    .option("--operator <name>", "name of the first operator", "admin")
    .action(async (options: Options, command: Command) => init(options, command, session));
}

async function init(options: Options, command: Command, session: Session): Promise<void> {
  const { dir, trustDomain, operator } = options;
  const parts = /^(.+):(\d{1,5})$/.exec(options.nats);
  if (parts === null) throw misused(`--nats ${JSON.stringify(options.nats)} is not host:port`);
  // Loaded here alone: every other command starts faster without it.
  const { initDirectory } = await import("../io/pki/init.ts");
  const nats = { host: parts[1] ?? "", port: Number(parts[2]) };
  const paths = await initDirectory(dir, { trustDomain, nats, operator, nowMs: Date.now() }).catch((error: unknown) => {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Failure(`INIT_FAILED --dir: ${reason}`, { exitCode: EXIT.refused });
  });
  session.printValue(command, paths, () => [
    `made a new fleet in ${dir}. Keep these to yourself: ${paths.caKey}, ${join(dir, "nats")}`,
    "",
    "Start it:",
    `  nats-server -c ${paths.natsConfig}`,
    `  weir-planner --config ${paths.plannerConfig}`,
    "",
    "Then log in, beside the planner:",
    `  weir login --socket ${join(dir, "weir.sock")} --operator ${operator}`,
  ]);
}
