/**
 * Copies the part of other projects' protos that Weir speaks into proto/vendor, unchanged: the files named in
 * `ROOTS` and all they import. Run it by hand after changing a version or a root:
 *
 *     node deploy/build/proto/vendor.ts && npm run proto
 *
 * It needs `npm ci` and Go; nothing else in the repository does this, so that every build works offline.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

const REPO = join(import.meta.dirname, "..", "..", "..");
const TARGET = join(REPO, "proto", "vendor");
const XDS_DEPS = join(REPO, "node_modules", "@grpc", "grpc-js-xds", "deps");

/** What the agent's Envoy adapter uses. Their imports follow by themselves. */
const ROOTS = [
  "envoy/config/bootstrap/v3/bootstrap.proto",
  "envoy/config/cluster/v3/cluster.proto",
  "envoy/config/endpoint/v3/endpoint.proto",
  "envoy/config/listener/v3/listener.proto",
  "envoy/config/route/v3/route.proto",
  "envoy/extensions/clusters/aggregate/v3/cluster.proto",
  "envoy/extensions/filters/http/fault/v3/fault.proto",
  "envoy/extensions/filters/http/rbac/v3/rbac.proto",
  "envoy/extensions/filters/http/router/v3/router.proto",
  "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.proto",
  "envoy/extensions/retry/host/previous_hosts/v3/previous_hosts.proto",
  "envoy/extensions/retry/priority/previous_priorities/v3/previous_priorities_config.proto",
  "envoy/extensions/transport_sockets/tls/v3/tls.proto",
  "envoy/extensions/upstreams/http/v3/http_protocol_options.proto",
  "envoy/service/discovery/v3/ads.proto",
  "envoy/service/load_stats/v3/lrs.proto",
  "envoy/service/metrics/v3/metrics_service.proto",
];

/** Where protos come from, first match wins. validate.proto is upstream's: the copy in grpc-js-xds lacks `ignore_empty`. */
function sources(): readonly string[] {
  return [
    goModule("github.com/envoyproxy/protoc-gen-validate@v1.3.0"),
    goModule("github.com/prometheus/client_model@v0.6.3"),
    join(XDS_DEPS, "envoy-api"),
    join(XDS_DEPS, "xds"),
    join(XDS_DEPS, "googleapis"),
  ];
}

function goModule(nameAtVersion: string): string {
  const answer = execFileSync("go", ["mod", "download", "-json", nameAtVersion], { encoding: "utf8" });
  return (JSON.parse(answer) as { readonly Dir: string }).Dir;
}

/** Every file reachable from `roots` by imports, sorted. protobuf's own types come with the runtime, so they stay out. */
function closure(roots: readonly string[], from: readonly string[]): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  const pending = [...roots];
  for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
    if (found.has(path) || path.startsWith("google/protobuf/")) continue;
    const file = locate(path, from);
    found.set(path, file);
    pending.push(...importsOf(readFileSync(file, "utf8")));
  }
  return new Map([...found].toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

function locate(path: string, from: readonly string[]): string {
  const folder = from.find((candidate) => existsSync(join(candidate, path)));
  if (folder === undefined) throw new Error(`no source has ${path}`);
  return join(folder, path);
}

function importsOf(proto: string): readonly string[] {
  return [...proto.matchAll(/^import (?:public )?"([^"]+)";/gm)].map(([, path]) => path ?? "");
}

function vendor(): void {
  for (const folder of ["envoy", "google", "io", "udpa", "validate", "xds"]) {
    rmSync(join(TARGET, folder), { recursive: true, force: true });
  }
  const files = closure(ROOTS, sources());
  for (const [path, file] of files) {
    mkdirSync(dirname(join(TARGET, path)), { recursive: true });
    writeFileSync(join(TARGET, path), readFileSync(file));
  }
  console.log(`proto/vendor: ${files.size} files`);
}

vendor();
