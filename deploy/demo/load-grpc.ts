import { credentials, makeGenericClientConstructor, type ServiceError } from "@grpc/grpc-js";
import { register } from "@grpc/grpc-js-xds";
import { GREETER_HELLO } from "./greeter.ts";
import { OutcomeCounter } from "./outcome.ts";
import { sendAtRate } from "./pacer.ts";

interface Greeter {
  hello(
    request: Buffer,
    options: { deadline: number },
    answer: (error: ServiceError | null, value?: Buffer) => void,
  ): void;
}

/**
 * Proxyless callers of shop/greeter in one cluster: `load-grpc.ts <source> <target> <rps>`. grpc-js itself follows the
 * agent's xDS server, which GRPC_XDS_BOOTSTRAP_CONFIG names. Reports outcomes to its parent.
 */
function main(): void {
  const [source = "", target = "", rps = "0"] = process.argv.slice(2);
  register();
  const Client = makeGenericClientConstructor({ hello: GREETER_HELLO }, "shop.Greeter");
  const client = new Client(target, credentials.createInsecure()) as unknown as Greeter;
  const counter = new OutcomeCounter(source, "shop/greeter");
  const stop = sendAtRate(Number(rps), () => sendOne(client, counter.begin()));
  const reporting = setInterval(() => counter.take().forEach((batch) => process.send?.(batch)), 100);
  process.on("disconnect", () => {
    stop();
    clearInterval(reporting);
    process.exit(0);
  });
}

function sendOne(client: Greeter, ended: ReturnType<OutcomeCounter["begin"]>): void {
  client.hello(Buffer.alloc(0), { deadline: Date.now() + 10_000 }, (error, value) => {
    if (error !== null || value === undefined) {
      ended({ failure: error === null ? "empty answer" : `${error.code}: ${error.details}` });
      return;
    }
    const { cluster, version } = JSON.parse(value.toString()) as { cluster: string; version: string };
    ended({ servedBy: `${cluster}/${version}` });
  });
}

main();
