import { readFileSync } from "node:fs";
import { Command, Option } from "commander";
import { addClusterCommands } from "./cluster/commands.ts";
import { addCompletion } from "./completion.ts";
import { addContextCommands } from "./context.ts";
import { addInit } from "./init.ts";
import { addLogin } from "./login.ts";
import { addPlanCommands } from "./plan.ts";
import { addPreview } from "./preview/command.ts";
import { addRecover } from "./recover.ts";
import { addServiceCommands } from "./service/commands.ts";
import type { Session } from "./session.ts";
import { addShiftCommands } from "./shift/commands.ts";
import { addStatus } from "./status.ts";
import { addWhoami } from "./whoami.ts";

const EXIT_CODES = `
Exit codes: 0 done, 1 refused, 2 wrong usage, 3 no planner could be reached, 4 what was waited for ended badly,
130 interrupted.`;

const ENVIRONMENT = `
Environment: WEIR_CONTEXT, WEIR_ADDRESS, WEIR_SOCKET, WEIR_OUTPUT, WEIR_REQUEST_TIMEOUT, XDG_CONFIG_HOME, NO_COLOR.`;

/** The whole command line. */
export function makeProgram(session: Session): Command {
  const program = new Command("weir")
    .description("Weir divides every service's requests over clusters and versions.")
    .version(version(), "-V, --version")
    .addOption(new Option("-o, --output <format>", "how to print answers").choices(["table", "json", "yaml"]))
    .option("--context <name>", "planner to ask, of those you logged in to")
    .option("--address <host:port>", "planner to ask, with the context's certificate; several with commas")
    .option("--socket <path>", "unix socket of the planner to ask")
    .option("--request-timeout <time>", "how long one request may take (default 10s)")
    .addHelpText("after", `${ENVIRONMENT}\n${EXIT_CODES}`)
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: (text) => session.terminal.out(text.trimEnd()),
      writeErr: (text) => session.terminal.note(text.trimEnd()),
      outputError: (text, write) => write(inOurForm(text)),
    })
    .showSuggestionAfterError();
  addStatus(program, session);
  addClusterCommands(program, session);
  addServiceCommands(program, session);
  addShiftCommands(program, session);
  addPlanCommands(program, session);
  addPreview(program, session);
  addLogin(program, session);
  addContextCommands(program, session);
  addWhoami(program, session);
  addInit(program, session);
  addRecover(program, session);
  addCompletion(program, session);
  return program;
}

/** Commander's complaints in the form of every other: a line with a code, and a hint. */
function inOurForm(text: string): string {
  const [line = "", suggestion] = text.trim().split("\n");
  const hint = suggestion === undefined ? "" : `hint: ${suggestion.replaceAll(/[()]/g, "")}\n`;
  return `${line.replace(/^error: /, "error: USAGE: ")}\n${hint}`;
}

/** The version of the package that this file lies in: the same distance from src/cli and from dist/src/cli. */
function version(): string {
  const manifest = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
    readonly version: string;
  };
  return manifest.version;
}
