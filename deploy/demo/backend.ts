import { startSampleBackend } from "./sample-backend.ts";
import { topologyAt, type DemoCluster, type DemoWorkload } from "./topology.ts";

/** The sample backends of one cluster in one process: `backend.ts <block> <cluster>`. Each answer says who gave it. */
async function main(): Promise<void> {
  const [block, name] = process.argv.slice(2);
  const cluster = topologyAt(Number(block)).clusters.find((candidate) => candidate.name === name);
  if (cluster === undefined) throw new Error(`no cluster ${name} in the demo`);
  await Promise.all(cluster.workloads.map(async (workload) => serveWorkload(cluster, workload)));
  process.send?.("ready");
}

async function serveWorkload({ name, address }: DemoCluster, workload: DemoWorkload): Promise<void> {
  const { service, version, port, workers, serviceTimeMs, work = "constant", reportsUtilisation = false } = workload;
  await startSampleBackend({
    protocol: service === "shop/greeter" ? "grpc" : "http",
    address,
    port,
    answer: JSON.stringify({ cluster: name, version }),
    servers: workers,
    meanWorkMs: serviceTimeMs,
    work,
    reportsUtilisation,
    // Versions and clusters draw times of their own.
    seed: Buffer.from(`${name} ${service} ${version}`).reduce((sum, letter) => (sum * 31 + letter) >>> 0, 7),
  });
}

await main();
