import { EX_CONFIG, HELP, loadConfig } from "./config.ts";
import { configKeys } from "./config/keys.ts";
import type { Config } from "./config/schema.ts";
import { createLog, faultFields } from "./io/log.ts";
import packageJson from "../package.json" with { type: "json" };

/** How long a replica may take to say goodbye and hand the lead over before it is ended anyway. */
const STOP_MS = 10_000;

const invocation = loadConfig({ args: process.argv.slice(2) });
if (!invocation.ok) refuseToStart(invocation.refusal);
else if (invocation.value.kind === "help") process.stdout.write(`${HELP}${configKeys().join(", ")}\n`);
else if (invocation.value.kind === "version") process.stdout.write(`weir-planner ${packageJson.version}\n`);
else await run(invocation.value.config);

async function run(config: Config): Promise<void> {
  const log = createLog({ level: config.log.level, replica: config.replica });
  // Loaded only now: who asks for the version, or has a typing error in the configuration, need not wait for it all.
  const [{ startPlanner }, { loadSecrets }] = await Promise.all([
    import("./io/planner-process.ts"),
    import("./io/secrets.ts"),
  ]);
  const secrets = await loadSecrets(config);
  if (!secrets.ok) return refuseToStart(secrets.refusal.map(({ field, message }) => `${field}: ${message}`));
  const stopping = new AbortController();
  const stopped = stopSignal(stopping);
  // A bug leaves things nobody thought of: better start anew from the log than go on from there.
  for (const event of ["uncaughtException", "unhandledRejection"] as const) {
    process.on(event, (error: unknown) => {
      log.error(faultFields(error), "the planner broke a promise of its own code and ends");
      process.exit(1);
    });
  }
  try {
    const planner = await startPlanner({ config, secrets: secrets.value, log, signal: stopping.signal });
    log.info({ version: packageJson.version, ...planner.addresses }, "planner serves");
    const name = await stopped;
    log.info({ signal: name }, "planner stops");
    setTimeout(() => process.exit(1), STOP_MS).unref();
    await planner.stop();
    log.info({}, "planner stopped");
    process.exit(0);
  } catch (error) {
    if (stopping.signal.aborted) process.exit(0);
    log.error(faultFields(error), "planner cannot start");
    process.stderr.write(`weir-planner: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(1);
  }
}

/** Resolves with the first request to stop; a second one ends the process at once. */
async function stopSignal(stopping: AbortController): Promise<string> {
  return new Promise((resolve) => {
    for (const name of ["SIGTERM", "SIGINT"] as const) {
      process.on(name, () => {
        if (stopping.signal.aborted) process.exit(1);
        stopping.abort(new Error(`stopped by ${name}`));
        resolve(name);
      });
    }
  });
}

function refuseToStart(problems: readonly string[]): void {
  for (const problem of problems) process.stderr.write(`weir-planner: ${problem}\n`);
  process.exitCode = EX_CONFIG;
}
