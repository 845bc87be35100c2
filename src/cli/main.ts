import { CommanderError } from "commander";
import type { Command } from "commander";
import { readEnvironment } from "./config.ts";
import { EXIT, Failure } from "./failure.ts";
import { makeProgram } from "./program.ts";
import { Session } from "./session.ts";
import { realTerminal } from "./terminal.ts";

/** `weir`: runs one command, says on standard error what is wrong, and ends with one of the documented exit codes. */
async function main(): Promise<void> {
  const environment = readEnvironment();
  const interrupt = new AbortController();
  process.once("SIGINT", () => interrupt.abort());
  // A reader such as `head` that has seen enough is no error.
  process.stdout.on("error", (error: NodeJS.ErrnoException) =>
    process.exit(error.code === "EPIPE" ? EXIT.ok : EXIT.refused),
  );
  const terminal = realTerminal(environment);
  const session = new Session({ terminal, environment, signal: interrupt.signal });
  const program = makeProgram(session);
  for (const command of everyCommand(program)) command.exitOverride();
  try {
    await program.parseAsync();
  } catch (error) {
    process.exitCode = report(error, { note: terminal.note, isInterrupted: interrupt.signal.aborted });
  } finally {
    session.close();
  }
}

function everyCommand(command: Command): readonly Command[] {
  return [command, ...command.commands.flatMap(everyCommand)];
}

/** Says what is wrong, and returns the exit code for it. */
function report(
  error: unknown,
  { note, isInterrupted }: { readonly note: (line: string) => void; readonly isInterrupted: boolean },
): number {
  if (error instanceof Failure) {
    note(`error: ${error.message}`);
    if (error.hint !== "") note(`hint: ${error.hint}`);
    return error.exitCode;
  }
  // Commander has printed its own message already, or the help or version that was asked for.
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  if (isInterrupted) return EXIT.interrupted;
  throw error;
}

await main();
