import { createEnvoyMesh } from "../../../agents/mesh/envoy/mesh.ts";
import { createSealer } from "../../../agents/mesh/envoy/sealer.ts";
import type { EnvoyMesh } from "../../../agents/mesh/envoy/mesh.ts";
import { answerCalls } from "../calls.ts";
import { BareAds } from "./bare-ads.ts";
import { CLUSTER, endpointsAt, inputsOf, planFor, PORTS, siteAt } from "./plans.ts";
import type { ClientKind, Version } from "./plans.ts";

const [prefix = ""] = process.argv.slice(2);
const address = (n: number): string => `${prefix}.${n}`;
const endpoints = endpointsAt(address);
const sealer = createSealer(siteAt(address, "bare"));

let chosen: Readonly<Record<ClientKind, Version>> = { envoy: "v1", proxyless: "v1" };
let revision = 1;
let mesh: EnvoyMesh | undefined;
let bare: BareAds | undefined;

/** A change of weights: which client's service moves where. */
export interface Flip {
  readonly side: "weir" | "bare";
  readonly kind: ClientKind;
  readonly version: Version;
}

/** The process of both servers. Each client is told by one of them. */
answerCalls({
  /** Listens; nothing is published yet. */
  async open() {
    const { address: own, gateway } = siteAt(address, "weir");
    mesh = await createEnvoyMesh({
      clusterName: CLUSTER,
      address: own,
      gateway,
      ads: { address: own, port: PORTS.ads },
    });
    bare = new BareAds(snapshotFor(chosen));
    await bare.listen(address(2), PORTS.ads);
    return undefined;
  },
  /** Publishes the first plan; resolves once Weir's Envoy has it. */
  async publish() {
    await apply();
    return undefined;
  },
  /** Changes the weights; resolves with the moment at which it began, ns on the machine's monotonic clock. */
  async flip({ side, kind, version }: Flip) {
    chosen = { ...chosen, [kind]: version };
    revision += 1;
    if (side === "weir") {
      const plan = planFor(chosen, revision);
      const startedAt = process.hrtime.bigint();
      await apply(plan);
      return startedAt;
    }
    const snapshot = snapshotFor(chosen);
    bare?.prepare(snapshot);
    const startedAt = process.hrtime.bigint();
    bare?.change(snapshot);
    return startedAt;
  },
});

async function apply(plan = planFor(chosen, revision)): Promise<void> {
  const applied = await mesh?.apply(plan, { endpoints, signal: AbortSignal.timeout(10_000) });
  if (applied?.refusals.length !== 0) throw new Error(`refused: ${JSON.stringify(applied?.refusals)}`);
}

function snapshotFor(wanted: typeof chosen) {
  return sealer.seal(inputsOf(planFor(wanted, revision), endpoints));
}
