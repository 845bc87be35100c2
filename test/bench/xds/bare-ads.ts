import { create, toBinary } from "@bufbuild/protobuf";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import type { ServerDuplexStream } from "@grpc/grpc-js";
import { KINDS } from "../../../agents/mesh/envoy/render.ts";
import type { Kind } from "../../../agents/mesh/envoy/render.ts";
import { TYPE_URLS } from "../../../agents/mesh/envoy/snapshot.ts";
import type { Resource, Snapshot } from "../../../agents/mesh/envoy/snapshot.ts";
import { AggregatedDiscoveryService } from "../../../proto/gen/envoy/service/discovery/v3/ads_pb.ts";
import { DiscoveryResponseSchema } from "../../../proto/gen/envoy/service/discovery/v3/discovery_pb.ts";
import type { DiscoveryRequest } from "../../../proto/gen/envoy/service/discovery/v3/discovery_pb.ts";
import { LoadReportingService } from "../../../proto/gen/envoy/service/load_stats/v3/lrs_pb.ts";
import { Preserialized, rpcService } from "../../../src/wire/rpc.ts";

/** One thing a client asked for. */
interface Asked {
  readonly kind: Kind;
  readonly names: readonly string[];
}

type Call = ServerDuplexStream<DiscoveryRequest, Preserialized>;

/**
 * The least that can serve xDS: every client gets the responses that were made beforehand, for whatever it asked, and
 * nobody looks at its acknowledgements.
 */
export class BareAds {
  readonly #server = new Server();
  readonly #clients = new Map<Call, Map<Kind, Asked>>();
  readonly #made = new Map<string, Preserialized>();
  #current: Snapshot;

  constructor(first: Snapshot) {
    this.#current = first;
    const { streamAggregatedResources } = rpcService(AggregatedDiscoveryService);
    this.#server.addService(
      { streamAggregatedResources },
      {
        streamAggregatedResources: (call: Call) => this.#serve(call),
      },
    );
    // Proxyless clients report their load to whoever configures them; without this they would try for ever.
    const { streamLoadStats } = rpcService(LoadReportingService);
    this.#server.addService(
      { streamLoadStats },
      {
        streamLoadStats: (call: Call) => void call.on("data", () => undefined).on("error", () => undefined),
      },
    );
  }

  async listen(address: string, port: number): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.bindAsync(`${address}:${port}`, ServerCredentials.createInsecure(), (error) =>
        error === null ? resolve() : reject(error),
      );
    });
  }

  /** Makes every response that a change from here to `next` will need, before the clock runs. */
  prepare(next: Snapshot): void {
    for (const asked of this.#clients.values()) for (const entry of asked.values()) this.#response(entry, next);
  }

  /** Sends what differs, each kind as a whole, additions before what names them. */
  change(next: Snapshot): void {
    const changed = KINDS.filter((kind) => differs(this.#current[kind], next[kind]));
    this.#current = next;
    for (const [call, asked] of this.#clients) {
      for (const kind of changed) {
        const entry = asked.get(kind);
        if (entry !== undefined) call.write(this.#response(entry, next));
      }
    }
  }

  #serve(call: Call): void {
    const asked = new Map<Kind, Asked>();
    this.#clients.set(call, asked);
    call.on("data", ({ typeUrl, resourceNames }: DiscoveryRequest) => {
      const kind = KINDS.find((candidate) => TYPE_URLS[candidate] === typeUrl);
      if (kind === undefined) return;
      const known = asked.get(kind);
      // The same names again: an acknowledgement.
      if (known !== undefined && known.names.join() === resourceNames.join()) return;
      const entry = { kind, names: [...resourceNames] };
      asked.set(kind, entry);
      call.write(this.#response(entry, this.#current));
    });
    const gone = (): void => void this.#clients.delete(call);
    call.on("end", () => call.end());
    call.on("error", gone);
    call.on("cancelled", gone);
  }

  #response({ kind, names }: Asked, snapshot: Snapshot): Preserialized {
    const resources = resourcesOf(snapshot[kind], names);
    const version = resources.map((resource) => resource.version).join("-");
    const key = `${kind} ${names.join()} ${version}`;
    const known = this.#made.get(key);
    if (known !== undefined) return known;
    const typeUrl = TYPE_URLS[kind];
    const message = create(DiscoveryResponseSchema, {
      typeUrl,
      nonce: version,
      versionInfo: version,
      resources: resources.map(({ bytes }) => ({ typeUrl, value: bytes })),
    });
    const made = new Preserialized(toBinary(DiscoveryResponseSchema, message));
    this.#made.set(key, made);
    return made;
  }
}

function resourcesOf(all: ReadonlyMap<string, Resource>, names: readonly string[]): readonly Resource[] {
  if (names.length === 0) return [...all.values()].filter(({ audience }) => audience === "envoy");
  return names.flatMap((name) => all.get(name) ?? []);
}

function differs(a: ReadonlyMap<string, Resource>, b: ReadonlyMap<string, Resource>): boolean {
  return a.size !== b.size || [...b].some(([name, { version }]) => a.get(name)?.version !== version);
}
