import { Agent, request } from "node:http";
import { answerCalls } from "../calls.ts";
import type { Version } from "./plans.ts";
import { watchBy } from "./watch.ts";

/** Asks through Envoys: `http-prober.ts`. */
const agent = new Agent({ keepAlive: true, maxSockets: 1 });

answerCalls({
  async until({ host, port, version }: { host: string; port: number; version: Version }) {
    return await watchBy(async () => await ask(host, port)).until(version);
  },
});

async function ask(host: string, port: number): Promise<string | undefined> {
  return await new Promise((resolve) => {
    const asking = request({ agent, host, port, headers: { host: "checkout.shop" } }, (response) => {
      let body = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => (body += chunk));
      response.on("end", () => resolve(response.statusCode === 200 ? body : undefined));
    });
    asking.on("error", () => resolve(undefined));
    asking.end();
  });
}
