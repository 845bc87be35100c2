import { readEnvironment } from "./config.ts";
import { EXIT } from "./failure.ts";
import { runCommand } from "./run.ts";
import { realTerminal } from "./terminal.ts";

const environment = readEnvironment();
const interrupt = new AbortController();
process.once("SIGINT", () => interrupt.abort());
// A reader such as `head` that has seen enough is no error.
process.stdout.on("error", (error: NodeJS.ErrnoException) =>
  process.exit(error.code === "EPIPE" ? EXIT.ok : EXIT.refused),
);
process.exitCode = await runCommand(process.argv.slice(2), {
  environment,
  terminal: realTerminal(environment),
  signal: interrupt.signal,
});
