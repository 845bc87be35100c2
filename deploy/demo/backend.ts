import { createServer } from "node:http";
import { Server, ServerCredentials, type ServiceDefinition, type UntypedServiceImplementation } from "@grpc/grpc-js";
import { WorkerPool } from "./worker-pool.ts";
import { topologyAt, type DemoCluster, type DemoWorkload } from "./topology.ts";
import { GREETER_HELLO } from "./greeter.ts";

/** The sample backends of one cluster in one process: `backend.ts <block> <cluster>`. Each answer says who gave it. */
async function main(): Promise<void> {
  const [block, name] = process.argv.slice(2);
  const cluster = topologyAt(Number(block)).clusters.find((candidate) => candidate.name === name);
  if (cluster === undefined) throw new Error(`no cluster ${name} in the demo`);
  await Promise.all(cluster.workloads.map(async (workload) => serveWorkload(cluster, workload)));
  process.send?.("ready");
}

async function serveWorkload(cluster: DemoCluster, workload: DemoWorkload): Promise<void> {
  const pool = new WorkerPool(workload);
  const identity = Buffer.from(JSON.stringify({ cluster: cluster.name, version: workload.version }));
  if (workload.service === "shop/checkout") await serveHttp(cluster.address, workload.port, pool, identity);
  else await serveGrpc(cluster.address, workload.port, pool, identity);
}

async function serveHttp(address: string, port: number, pool: WorkerPool, identity: Buffer): Promise<void> {
  const server = createServer((_request, response) => {
    pool.serve(() => response.setHeader("content-type", "application/json").end(identity));
  });
  server.keepAliveTimeout = 120_000;
  await new Promise<void>((resolve) => server.listen(port, address, resolve));
}

async function serveGrpc(address: string, port: number, pool: WorkerPool, identity: Buffer): Promise<void> {
  const server = new Server();
  const implementation: UntypedServiceImplementation = {
    hello: (_call: unknown, answer: (error: null, value: Buffer) => void) => pool.serve(() => answer(null, identity)),
  };
  server.addService({ hello: GREETER_HELLO } satisfies ServiceDefinition, implementation);
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(`${address}:${port}`, ServerCredentials.createInsecure(), (error) =>
      error === null ? resolve() : reject(error),
    );
  });
}

await main();
