import { Client, credentials } from "@grpc/grpc-js";
import { afterEach, describe, expect, it } from "vitest";
import { GREETER_HELLO } from "../../../deploy/demo/greeter.ts";
import { startSampleBackend } from "../../../deploy/demo/sample-backend.ts";
import type { SampleBackend, SampleBackendOptions } from "../../../deploy/demo/sample-backend.ts";
import { freePort } from "../../support/free-port.ts";

const running: SampleBackend[] = [];

afterEach(async () => {
  await Promise.all(running.splice(0).map(async (backend) => await backend.stop()));
});

async function started(options: Partial<SampleBackendOptions>): Promise<{ backend: SampleBackend; port: number }> {
  const port = await freePort("127.0.0.1");
  const backend = await startSampleBackend({
    protocol: "http",
    address: "127.0.0.1",
    port,
    answer: `{"cluster":"eu-west"}`,
    servers: 2,
    meanWorkMs: 100,
    work: "constant",
    reportsUtilisation: true,
    ...options,
  });
  running.push(backend);
  return { backend, port };
}

/** The share that the header of an answer says; NaN without one. */
async function shareSaid(port: number): Promise<number> {
  const answer = await fetch(`http://127.0.0.1:${port}/`);
  await answer.text();
  const [, share] =
    /^TEXT application_utilization=([0-9.]+)$/.exec(answer.headers.get("endpoint-load-metrics") ?? "") ?? [];
  return Number(share ?? Number.NaN);
}

describe("a sample backend", () => {
  it("answers after its work, lets others wait, and turns away who finds the queue full", async () => {
    const { backend, port } = await started({ waitingMax: 2 });
    const answers = await Promise.all(
      Array.from({ length: 6 }, async () => {
        const askedAt = performance.now();
        const { status } = await fetch(`http://127.0.0.1:${port}/`);
        return { status, isSecond: performance.now() - askedAt > 190 };
      }),
    );
    expect(answers.filter(({ status }) => status === 503)).toHaveLength(2);
    // Those that waited, and on a busy machine perhaps others.
    expect(answers.filter(({ status, isSecond }) => status === 200 && isSecond).length).toBeGreaterThanOrEqual(2);
    expect(backend.counts()).toEqual({ served: 4, refused: 2, waiting: 0 });
  });

  it("says how busy its servers are", async () => {
    const { backend, port } = await started({});
    const first = await shareSaid(port);
    // One of two servers was busy for 100 ms of a memory of 1 s.
    expect(first).toBeGreaterThan(0.02);
    expect(first).toBeLessThan(0.08);
    await Promise.all(Array.from({ length: 40 }, async () => await shareSaid(port)));
    expect(backend.utilisation()).toBeGreaterThan(0.7);
  });

  it("says nothing unless it is to", async () => {
    const { port } = await started({ reportsUtilisation: false });
    expect(await shareSaid(port)).toBeNaN();
  });

  it("says so to gRPC callers in the trailers", async () => {
    const { port } = await started({ protocol: "grpc", meanWorkMs: 20 });
    const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
    const { path, requestSerialize, responseDeserialize } = GREETER_HELLO;
    const said = await new Promise<unknown>((resolve, reject) => {
      const call = client.makeUnaryRequest(path, requestSerialize, responseDeserialize, Buffer.alloc(0), (error) => {
        if (error !== null) reject(error);
      });
      call.on("status", ({ metadata }) => resolve(metadata.get("endpoint-load-metrics-bin")[0]));
    });
    client.close();
    // Field 9, a double: xds.data.orca.v3.OrcaLoadReport.application_utilization.
    const bytes = said as Buffer;
    expect(bytes[0]).toBe((9 << 3) | 1);
    expect(bytes.readDoubleLE(1)).toBeGreaterThan(0);
    expect(bytes.readDoubleLE(1)).toBeLessThan(0.1);
  });
});
