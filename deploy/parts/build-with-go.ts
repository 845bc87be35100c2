import { join } from "node:path";
import type { Fetched, Fetching } from "./fetch.ts";
import type { PartSource } from "./part.ts";

/** nats-server builds in about a minute on two cores with nothing cached. */
const BUILD_TIMEOUT_MS = 15 * 60_000;

type GoSource = Extract<PartSource, { readonly kind: "go" }>;

/** Builds with the Go that is installed. Go itself checks the sources against its checksum database. */
export async function buildWithGo(folder: string, fetching: Fetching, source: GoSource): Promise<Fetched> {
  const { host, definition, log } = fetching;
  log(
    `${definition.name} ${definition.version}: building with go install ${source.target}, which takes a minute or two`,
  );
  const ran = await host.run("go", ["install", source.target], {
    timeoutMs: BUILD_TIMEOUT_MS,
    // GOFLAGS of the caller's own project, such as -mod=vendor, do not fit here.
    env: { GOBIN: folder, GOFLAGS: "", CGO_ENABLED: "0" },
  });
  return ran.ok ? { binary: join(folder, source.binary) } : { problem: `go install: ${ran.problem}` };
}
