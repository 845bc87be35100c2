import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { printPosition } from "../core/holding.ts";
import type { Agent, FrozenAt } from "./agent.ts";
import { messageOf, readTrusted, replaceFile } from "./durable-file.ts";

/** What the socket acts on. */
export interface OperatorSocketParts {
  readonly path: string;
  readonly agent: Agent;
  readonly isLinked: () => boolean;
  /** Folder that remembers a freeze over restarts. */
  readonly folder: string;
}

/**
 * The way in for an operator at the cluster when everything else is down (Facebook, October 2021: the people who could
 * have helped were locked out by what they had to help). HTTP on a unix socket of mode 0600, so that whoever may read
 * the agent's files may use it, and nobody else: `GET /status`, `POST /freeze`, `/unfreeze`, `/apply-last-good`.
 */
export class OperatorSocket {
  readonly #parts: OperatorSocketParts;
  readonly #server: Server;

  constructor(parts: OperatorSocketParts) {
    this.#parts = parts;
    this.#server = createServer((request, response) => void this.#answer(request, response));
  }

  /** Opens the socket. Throws when its path cannot be had. */
  async start(): Promise<void> {
    const { path } = this.#parts;
    // Left by a process that was killed; the folder's lock says that no other agent lives here.
    await rm(path, { force: true });
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject);
      // The socket is made with this mask: there is no moment in which others may open it.
      const mask = process.umask(0o177);
      try {
        this.#server.listen(path, resolve);
      } finally {
        process.umask(mask);
      }
    });
  }

  /** Closes the socket and removes it. */
  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const asked = `${request.method} ${request.url}`;
    try {
      const act = this.#acts().get(asked);
      const answer =
        act === undefined
          ? { error: `no such request; there are ${[...this.#acts().keys()].join(", ")}` }
          : await act();
      response.writeHead(act === undefined ? 404 : 200, { "content-type": "application/json" });
      response.end(`${JSON.stringify(answer, undefined, 2)}\n`);
    } catch (cause) {
      response.writeHead(500, { "content-type": "application/json" });
      response.end(`${JSON.stringify({ error: messageOf(cause) })}\n`);
    }
  }

  #acts(): ReadonlyMap<string, () => Promise<object>> {
    const { agent, folder } = this.#parts;
    return new Map([
      ["GET /status", async () => this.#status()],
      [
        "POST /freeze",
        async () => {
          agent.freeze();
          await markFrozen(folder, "held");
          return this.#status();
        },
      ],
      [
        "POST /unfreeze",
        async () => {
          await unmarkFrozen(folder);
          await agent.unfreeze();
          return this.#status();
        },
      ],
      [
        "POST /apply-last-good",
        async () => {
          const applied = await agent.applyLastGood();
          if (applied === undefined) return { error: "there is no last good plan yet" };
          await markFrozen(folder, "last-good");
          return this.#status();
        },
      ],
    ]);
  }

  #status(): object {
    const { agent, isLinked } = this.#parts;
    const { applied, ...status } = agent.status();
    return { ...(applied === undefined ? {} : { position: printPosition(applied) }), isLinked: isLinked(), ...status };
  }
}

const markIn = (folder: string): string => join(folder, "frozen");

/** What an operator had frozen before the agent ended. */
export async function frozenIn(folder: string): Promise<FrozenAt | undefined> {
  const text = (await readTrusted(markIn(folder)))?.toString("utf8").trim();
  return text === undefined ? undefined : text === "last-good" ? "last-good" : "held";
}

async function markFrozen(folder: string, at: FrozenAt): Promise<void> {
  await replaceFile(markIn(folder), `${at}\n`);
}

async function unmarkFrozen(folder: string): Promise<void> {
  await rm(markIn(folder), { force: true });
}
