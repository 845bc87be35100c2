import { homedir } from "node:os";
import { join } from "node:path";

/** What the environment says. Flags win over it, and it wins over the context. */
export interface Environment {
  /** Folder of contexts and certificates. */
  readonly folder: string;
  readonly context: string | undefined;
  readonly address: string | undefined;
  readonly socket: string | undefined;
  readonly output: string | undefined;
  readonly requestTimeout: string | undefined;
  readonly isColourWanted: boolean;
}

/** Reads the environment: WEIR_CONTEXT, WEIR_ADDRESS, WEIR_SOCKET, WEIR_OUTPUT, WEIR_REQUEST_TIMEOUT, XDG_CONFIG_HOME, NO_COLOR. */
export function readEnvironment(): Environment {
  const { env } = process;
  return {
    folder: join(env["XDG_CONFIG_HOME"] || join(homedir(), ".config"), "weir"),
    context: env["WEIR_CONTEXT"] || undefined,
    address: env["WEIR_ADDRESS"] || undefined,
    socket: env["WEIR_SOCKET"] || undefined,
    output: env["WEIR_OUTPUT"] || undefined,
    requestTimeout: env["WEIR_REQUEST_TIMEOUT"] || undefined,
    // Present and not empty, whatever its value: https://no-color.org
    isColourWanted: !env["NO_COLOR"],
  };
}
