import { createServer } from "node:http";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import { GREETER_HELLO } from "../../../deploy/demo/greeter.ts";
import { backendsAt, VERSIONS } from "./plans.ts";

/** All backends in one process: `backends.ts <address prefix>`. Each answers with its version. */
async function main(): Promise<void> {
  const [prefix = ""] = process.argv.slice(2);
  const { envoy, proxyless } = backendsAt((n) => `${prefix}.${n}`);
  for (const version of VERSIONS) {
    const http = createServer((_request, response) => void response.end(version));
    http.keepAliveTimeout = 120_000;
    http.listen(envoy[version].port, envoy[version].address);
    const server = new Server();
    const hello = (_call: unknown, answer: (error: null, value: Buffer) => void): void =>
      answer(null, Buffer.from(version));
    server.addService({ hello: GREETER_HELLO }, { hello });
    const { address, port } = proxyless[version];
    await new Promise<void>((resolve, reject) => {
      server.bindAsync(`${address}:${port}`, ServerCredentials.createInsecure(), (error) =>
        error === null ? resolve() : reject(error),
      );
    });
  }
}

await main();
