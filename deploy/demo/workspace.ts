import { createServer, type Server } from "node:net";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { topologyAt, type Topology } from "./topology.ts";

/** One demo's own folder and loopback block; both are gone after `release`. */
export interface Workspace {
  readonly folder: string;
  readonly topology: Topology;
  release(): void;
}

/** Blocks to choose from: each demo takes the first whose guard port is free. */
const BLOCKS = [77, 78, 79, 80, 81, 82, 83, 84];
const GUARD_PORT = 7399;

/**
 * Takes a loopback block and a folder. The block's guard port, held open, is the lock: it goes with the process
 * however that ends. Throws when every block is taken.
 */
export async function takeWorkspace(): Promise<Workspace> {
  const { block, guard } = await takeBlock(BLOCKS);
  const folder = mkdtempSync(join(tmpdir(), "weir-demo-"));
  return {
    folder,
    topology: topologyAt(block),
    release: () => {
      guard.close();
      rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
    },
  };
}

async function takeBlock(blocks: readonly number[]): Promise<{ block: number; guard: Server }> {
  for (const block of blocks) {
    // One after the other: the first free block wins, so that addresses are the usual ones.
    const guard = await hold(topologyAt(block).controlAddress);
    if (guard !== undefined) return { block, guard };
  }
  throw new Error(
    `all ${blocks.length} loopback blocks (127.${blocks[0]}.0.0/16 and up) are in use by other demos: stop one and try again`,
  );
}

async function hold(address: string): Promise<Server | undefined> {
  const server = createServer();
  return await new Promise((resolve) => {
    server.once("error", () => resolve(undefined));
    server.listen(GUARD_PORT, address, () => {
      server.unref();
      resolve(server);
    });
  });
}
