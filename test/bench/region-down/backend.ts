import { startSampleBackend } from "../../../deploy/demo/sample-backend.ts";

/** The queueing backend of one site: `backend.ts <address> <port> <name> <servers> <meanWorkMs> <seed>`. Answers its name. */
async function main(): Promise<void> {
  const [address = "", port, name = "", servers, meanWorkMs, seed] = process.argv.slice(2);
  await startSampleBackend({
    protocol: "http",
    address,
    port: Number(port),
    answer: name,
    servers: Number(servers),
    meanWorkMs: Number(meanWorkMs),
    work: "exponential",
    seed: Number(seed),
    reportsUtilisation: false,
  });
}

await main();
