/**
 * A sample workload as a process of its own, so that it can be killed or frozen: `node backend-process.ts JSON`. It says who it is
 * in every answer, and how many requests it has served at `/served`. Prints "ready" when it listens.
 */
import { createServer } from "node:http";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import type { ServerUnaryCall, sendUnaryData } from "@grpc/grpc-js";
import { GREETER } from "./greeter.ts";

interface Place {
  readonly address: string;
  readonly port: number;
  readonly protocol: "http" | "grpc";
  readonly name: string;
}

const places: readonly Place[] = JSON.parse(process.argv[2] ?? "[]");

async function serve({ address, port, protocol, name }: Place): Promise<void> {
  await (protocol === "grpc" ? serveGrpc({ address, port, name }) : serveHttp({ address, port, name }));
}

async function serveHttp({ address, port, name }: Omit<Place, "protocol">): Promise<void> {
  let served = 0;
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? "/", "http://any");
    if (pathname === "/served") return void response.end(String(served));
    served += 1;
    const answer = () => response.end(JSON.stringify({ name, headers: request.headers, method: request.method }));
    const delayMs = Number(searchParams.get("delayMs") ?? 0);
    return delayMs > 0 ? void setTimeout(answer, delayMs) : void answer();
  });
  await new Promise<void>((resolve) => void server.listen(port, address, resolve));
}

async function serveGrpc({ address, port, name }: Omit<Place, "protocol">): Promise<void> {
  const server = new Server();
  server.addService(GREETER, {
    greet: (call: ServerUnaryCall<Buffer, Buffer>, answer: sendUnaryData<Buffer>) => {
      const headers = call.metadata.getMap();
      answer(null, Buffer.from(JSON.stringify({ name, headers, host: call.getHost() })));
    },
  });
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(`${address}:${port}`, ServerCredentials.createInsecure(), (error) =>
      error === null ? resolve() : reject(error),
    );
  });
}

await Promise.all(places.map(serve));
console.log("ready");
