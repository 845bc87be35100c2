import { createServer } from "node:http";
import { mintAgentCredentials } from "../../../src/io/nats/accounts.ts";
import type { FleetSigner } from "../../../src/io/nats/accounts.ts";
import { answerCalls } from "../calls.ts";
import type { FleetKeys } from "../fleet-keys.ts";
import { openBenchPlanner } from "../planner/planner.ts";
import { BareServer } from "../push/bare-server.ts";
import { listenersOf, sceneEvents } from "./plan.ts";
import type { Scene } from "./plan.ts";

/** What the planner is opened with. */
export interface Opening {
  readonly host: string;
  readonly folder: string;
  readonly natsUrl: string;
  readonly signer: FleetSigner;
  readonly scenes: readonly Scene[];
}

/** What agents have to know. */
export interface Opened {
  readonly weir: string;
  readonly bare: string;
  readonly keys: FleetKeys;
  /** NATS credentials of each cluster, for the bare agent. */
  readonly credentials: Readonly<Record<string, string>>;
}

const LIFE_MS = 3_600_000;

const bare = new BareServer();
let acknowledged = 0;

/** The process that everything around the agent under test lives in: planner, backends, the other clusters' gateways. */
answerCalls({
  async open({ host, folder, natsUrl, signer, scenes }: Opening): Promise<Opened> {
    const mint = async (cluster: string) =>
      await mintAgentCredentials(signer, { cluster, nowMs: Date.now(), lifeMs: LIFE_MS });
    const clusters = scenes.map(({ cluster }) => cluster);
    const bus = { urls: [natsUrl], mint };
    const { engine, keys, address, onAcknowledged } = await openBenchPlanner({ host, folder, clusters, bus });
    onAcknowledged(() => {
      acknowledged += 1;
    });
    for (const scene of scenes) {
      for (const events of sceneEvents(scene)) engine.commit(events);
      for (const place of listenersOf(scene)) {
        createServer((_request, response) => void response.end("ok")).listen(place.port, place.address);
      }
    }
    const port = await bare.listen(host, keys);
    const credentials: Record<string, string> = {};
    for (const cluster of clusters) credentials[cluster] = (await mint(cluster)).credentials;
    return { weir: address, bare: `${host}:${port}`, keys, credentials };
  },
  /** Plans that agents have acknowledged, and bare agents connected, so far. */
  async seen() {
    return { acknowledged, bare: bare.connected };
  },
});
