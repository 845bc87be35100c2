import { credentials, makeGenericClientConstructor } from "@grpc/grpc-js";
import type { ServiceError } from "@grpc/grpc-js";
import { register } from "@grpc/grpc-js-xds";
import { GREETER_HELLO } from "../../../deploy/demo/greeter.ts";
import { answerCalls } from "../calls.ts";
import type { Version } from "./plans.ts";
import { watchBy } from "./watch.ts";

interface Greeter {
  hello(
    request: Buffer,
    options: { deadline: number },
    answer: (error: ServiceError | null, value?: Buffer) => void,
  ): void;
}

/** Asks as a proxyless client of the server that GRPC_XDS_BOOTSTRAP_CONFIG names. */
register();
const Client = makeGenericClientConstructor({ hello: GREETER_HELLO }, "shop.Greeter");
const client = new Client("xds:///greeter.shop", credentials.createInsecure()) as unknown as Greeter;

answerCalls({
  async until({ version }: { version: Version }) {
    return await watchBy(ask).until(version);
  },
});

async function ask(): Promise<string | undefined> {
  return await new Promise((resolve) => {
    client.hello(Buffer.alloc(0), { deadline: Date.now() + 5_000 }, (_error, value) => resolve(value?.toString()));
  });
}
