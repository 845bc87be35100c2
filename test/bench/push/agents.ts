import { join } from "node:path";
import { randomUUID } from "node:crypto";
import { Agent } from "../../../agents/io/agent.ts";
import { SYSTEM_CLOCK } from "../../../agents/io/clock.ts";
import { identify } from "../../../agents/io/identity.ts";
import { DEFAULT_LINK_TIMING, PlannerLink } from "../../../agents/io/planner-link.ts";
import { FilePlanStore } from "../../../agents/io/store.ts";
import { heldHashes } from "../../../agents/core/holding.ts";
import { MemoryMesh } from "../../../agents/mesh/memory/mesh.ts";
import type { ClusterId } from "../../../src/model/ids.ts";
import { toHello } from "../../../src/wire/link.ts";
import { agentParts, SILENT } from "../agent-parts.ts";
import { answerCalls } from "../calls.ts";
import type { FleetKeys, KeyPair } from "../fleet-keys.ts";
import { CLUSTER_UID } from "../planner/planner.ts";
import { startBareAgent } from "./bare-client.ts";
import type { Opened } from "./planner.ts";

/** Which agents to start. */
export interface Start {
  readonly kind: "weir" | "bare";
  readonly clusters: readonly string[];
  readonly opened: Opened;
  /** Where those keep their plans that keep them in files. */
  readonly folder: string;
}

/** Handshakes under way at once: more only wait for each other. */
const AT_ONCE = 50;

/** The process of all agents, real ones and bare ones. */
answerCalls({
  async start({ kind, clusters, opened, folder }: Start) {
    for (let index = 0; index < clusters.length; index += AT_ONCE) {
      const some = clusters.slice(index, index + AT_ONCE);
      await Promise.all(some.map(async (cluster) => await startOne(kind, { cluster, opened, folder })));
    }
    return undefined;
  },
});

async function startOne(
  kind: Start["kind"],
  { cluster, opened, folder }: { readonly cluster: string; readonly opened: Opened; readonly folder: string },
): Promise<void> {
  const { keys, acknowledgement } = opened;
  const own = keys.agents[cluster];
  if (own === undefined) throw new Error(`no certificate for ${cluster}`);
  if (kind === "weir") return await startWeirAgent({ cluster, own, keys, address: opened.weir, folder });
  startBareAgent({ name: cluster, address: opened.bare, caPem: keys.caPem, keys: own, acknowledgement });
  // The bare client does not say when it is connected; the server counts.
  return undefined;
}

/** The agent's own link and core; nothing but the mesh is made up. */
async function startWeirAgent({ cluster, own, keys, address, folder }: WeirAgent): Promise<void> {
  const mesh = new MemoryMesh(SYSTEM_CLOCK);
  const parts = agentParts(cluster, mesh);
  const isKeptInFiles = cluster.startsWith("files");
  const store = isKeptInFiles ? new FilePlanStore(join(folder, cluster)) : parts.store;
  const agent = new Agent({ ...parts, store });
  await agent.start();
  const identity = identify({ keyPem: own.keyPem, chainPem: own.chainPem, caPem: keys.caPem });
  const bootId = randomUUID();
  await new Promise<void>((resolve) => {
    const link = new PlannerLink({
      log: SILENT,
      fraction: () => Math.random(),
      timing: DEFAULT_LINK_TIMING,
      planners: () => [address],
      identity: () => identity,
      hello: () => {
        const held = agent.held();
        const about = { cluster: cluster as ClusterId, uid: CLUSTER_UID, bootId, agentVersion: "0", features: [] };
        if (held === undefined) return toHello({ ...about, hashes: new Map() });
        return toHello({ ...about, held: held.position, hashes: heldHashes(held) });
      },
      receive: async (delta) => {
        const reply = await agent.receive(delta);
        resolve();
        return reply;
      },
      credentials: () => undefined,
      linked: () => undefined,
      superseded: () => undefined,
    });
    link.start();
  });
}

interface WeirAgent {
  readonly cluster: string;
  readonly own: KeyPair;
  readonly keys: FleetKeys;
  readonly address: string;
  readonly folder: string;
}
