import { Agent, request } from "node:http";
import { OutcomeCounter } from "./outcome.ts";
import { sendAtRate } from "./pacer.ts";
import { PORTS } from "./topology.ts";

/** Callers of shop/checkout in one cluster: `load-http.ts <source> <address> <rps>`. Reports outcomes to its parent. */
function main(): void {
  const [source = "", address = "", rps = "0"] = process.argv.slice(2);
  const counter = new OutcomeCounter(source, "shop/checkout");
  const agent = new Agent({ keepAlive: true, maxSockets: 256 });
  const stop = sendAtRate(Number(rps), () => sendOne(agent, address, counter.begin()));
  const reporting = setInterval(() => counter.take().forEach((batch) => process.send?.(batch)), 100);
  process.on("disconnect", () => {
    stop();
    clearInterval(reporting);
    process.exit(0);
  });
}

type Ended = ReturnType<OutcomeCounter["begin"]>;

function sendOne(agent: Agent, address: string, ended: Ended): void {
  let isOpen = true;
  const end = (outcome: Parameters<Ended>[0]): void => {
    if (isOpen) ended(outcome);
    isOpen = false;
  };
  const sending = request(
    { agent, host: address, port: PORTS.checkout, path: "/", headers: { host: "checkout.shop" }, timeout: 10_000 },
    (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("end", () => end(read(response.statusCode ?? 0, Buffer.concat(chunks).toString())));
      response.on("error", (error) => end({ failure: error.message }));
    },
  );
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
