import { CommanderError } from "commander";
import type { Command } from "commander";
import type { Environment } from "./config.ts";
import { EXIT, Failure } from "./failure.ts";
import { makeProgram } from "./program.ts";
import { Session } from "./session.ts";
import type { Terminal } from "./terminal.ts";

/** What one command line runs with. */
export interface Surroundings {
  readonly environment: Environment;
  readonly terminal: Terminal;
  /** Aborted when the user has seen enough. */
  readonly signal: AbortSignal;
}

/** Runs one command line (without the program's name) and returns its exit code. Throws only on a bug. */
export async function runCommand(args: readonly string[], surroundings: Surroundings): Promise<number> {
  const session = new Session(surroundings);
  const program = makeProgram(session);
  for (const command of everyCommand(program)) command.exitOverride();
  try {
    await program.parseAsync(args, { from: "user" });
    return EXIT.ok;
  } catch (error) {
    return report(error, surroundings);
  } finally {
    session.close();
  }
}

function everyCommand(command: Command): readonly Command[] {
  return [command, ...command.commands.flatMap(everyCommand)];
}

/** Says what is wrong, and returns the exit code for it. */
function report(error: unknown, { terminal, signal }: Surroundings): number {
  if (error instanceof Failure) {
    for (const line of [error.message, ...error.others]) terminal.note(`error: ${line}`);
    if (error.hint !== "") terminal.note(`hint: ${error.hint}`);
    return error.exitCode;
  }
  // Commander has printed its own message already, or the help or version that was asked for.
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  if (signal.aborted) return EXIT.interrupted;
  throw error;
}
