import { createServer } from "node:http";

/** The one backend of a cluster: `backend.ts <address> <port> <cluster>`. Each answer says which cluster gave it. */
function main(): void {
  const [address, port, cluster] = process.argv.slice(2);
  const server = createServer((_request, response) => void response.end(cluster));
  server.keepAliveTimeout = 120_000;
  server.listen(Number(port), address);
}

main();
