import { Agent, request, type RequestOptions } from "node:http";
import { OutcomeCounter } from "./outcome.ts";
import { sendAtRandom, sendAtRate } from "./pacer.ts";

/**
 * Callers of one service in one cluster: `load-http.ts <source> <address> <port> <service> <rps> [<seed>]`, evenly spaced, or
 * with a seed at random. Reports outcomes to its parent.
 */
function main(): void {
  const [source = "", address = "", port = "0", service = "", rps = "0", seed] = process.argv.slice(2);
  const [namespace, name] = service.split("/");
  const counter = new OutcomeCounter(source, service);
  const agent = new Agent({ keepAlive: true, maxSockets: 1_024 });
  const target = { agent, host: address, port: Number(port), headers: { host: `${name}.${namespace}` } };
  const sendNext = (): void => sendOne(target, counter.begin());
  const stop =
    seed === undefined
      ? sendAtRate(Number(rps), sendNext)
      : sendAtRandom({ rps: Number(rps), seed: Number(seed) }, sendNext);
  const reporting = setInterval(() => counter.take().forEach((batch) => process.send?.(batch)), 100);
  process.on("disconnect", () => {
    stop();
    clearInterval(reporting);
    process.exit(0);
  });
}

type Ended = ReturnType<OutcomeCounter["begin"]>;

function sendOne(target: RequestOptions, ended: Ended): void {
  let isOpen = true;
  const end = (outcome: Parameters<Ended>[0]): void => {
    if (isOpen) ended(outcome);
    isOpen = false;
  };
  const sending = request({ ...target, path: "/", timeout: 10_000 }, (response) => {
    const chunks: Buffer[] = [];
    response.on("data", (chunk: Buffer) => chunks.push(chunk));
    response.on("end", () => end(read(response.statusCode ?? 0, Buffer.concat(chunks).toString())));
    response.on("error", (error) => end({ failure: error.message }));
  });
  sending.on("timeout", () => sending.destroy(new Error("no answer in 10 s")));
  sending.on("error", (error) => end({ failure: error.message }));
  sending.end();
}

function read(status: number, body: string): Parameters<Ended>[0] {
  if (status !== 200) return { failure: `HTTP ${status}: ${body.slice(0, 120)}` };
  const { cluster, version } = JSON.parse(body) as { cluster: string; version: string };
  return { servedBy: `${cluster}/${version}` };
}

main();
