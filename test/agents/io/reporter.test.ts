import { connect, credsAuthenticator } from "nats";
import { describe, expect, it, onTestFinished } from "vitest";
import { SILENT_LOG } from "../../../agents/io/log.ts";
import { BusReporter } from "../../../agents/io/reporter.ts";
import { foundBus, mintAgentCredentials } from "../../../src/io/nats/accounts.ts";
import type { BusFoundation } from "../../../src/io/nats/accounts.ts";
import { natsServerConfig } from "../../../src/io/nats/server-config.ts";
import type { ClusterId } from "../../../src/model/ids.ts";
import { startNatsServer } from "../../support/nats/server.ts";
import type { TestServer } from "../../support/nats/server.ts";
import { until } from "./folders.ts";

interface Bus {
  readonly server: TestServer;
  readonly foundation: BusFoundation;
  readonly heard: { readonly subject: string; readonly text: string }[];
}

/** A real server in operator mode, and what the planner's account hears on it. */
async function startBus(): Promise<Bus> {
  const foundation = await foundBus();
  const server = await startNatsServer({
    configure: (place) => natsServerConfig(foundation, { serverName: "test", ...place }),
  });
  onTestFinished(async () => await server.stop());
  const bus: Bus = { server, foundation, heard: [] };
  await listen(bus);
  return bus;
}

async function listen({ server, foundation, heard }: Bus): Promise<void> {
  const authenticator = credsAuthenticator(new TextEncoder().encode(foundation.plannerCreds));
  const planner = await connect({
    servers: server.url,
    authenticator,
    maxReconnectAttempts: -1,
    reconnectTimeWait: 20,
    inboxPrefix: "_INBOX.planner",
  });
  planner.subscribe("weir.v1.report.>", {
    callback: (_error, message) => void heard.push({ subject: message.subject, text: message.string() }),
  });
  await planner.flush();
  onTestFinished(async () => await planner.close());
}

async function accessOf({ foundation, server }: Bus, cluster = "us-east", lifeMs = 3_600_000) {
  const { credentials } = await mintAgentCredentials(foundation.fleetSigner, { cluster, nowMs: Date.now(), lifeMs });
  return { credentials, urls: [server.url] };
}

function aReporter(): BusReporter {
  const reporter = new BusReporter({
    cluster: "us-east" as ClusterId,
    log: SILENT_LOG,
    caPem: () => "",
    backOffMsMax: 50,
  });
  onTestFinished(async () => await reporter.close());
  return reporter;
}

const text = (words: string) => new TextEncoder().encode(words);

describe("the reporter", () => {
  it("publishes on its own cluster's subjects once it has credentials, and drops what comes before", async () => {
    const bus = await startBus();
    const reporter = aReporter();
    reporter.publish("heartbeat", text("lost"));
    reporter.use(await accessOf(bus));
    await until("the bus", () => reporter.isConnected());
    reporter.publish("heartbeat", text("one"));
    reporter.publish("window", text("two"));
    await until("both", () => bus.heard.length === 2);
    expect(bus.heard).toEqual([
      { subject: "weir.v1.report.us-east.heartbeat", text: "one" },
      { subject: "weir.v1.report.us-east.window", text: "two" },
    ]);
  });

  it("comes back by itself when the server does, and sends nothing of the past", async () => {
    const bus = await startBus();
    const reporter = aReporter();
    reporter.use(await accessOf(bus));
    await until("the bus", () => reporter.isConnected());
    await bus.server.kill();
    await until("the loss to be noticed", () => !reporter.isConnected());
    for (let index = 0; index < 100; index += 1) reporter.publish("heartbeat", text("past"));
    await bus.server.restart();
    await until("the bus", () => reporter.isConnected());
    await until("the planner to hear again", () => {
      reporter.publish("heartbeat", text("now"));
      return bus.heard.length > 0;
    });
    expect(new Set(bus.heard.map(({ text: words }) => words))).toEqual(new Set(["now"]));
  });

  it("moves to new credentials at once, before the old ones end", async () => {
    const bus = await startBus();
    const reporter = aReporter();
    reporter.use(await accessOf(bus, "us-east", 2_000));
    await until("the bus", () => reporter.isConnected());
    reporter.use(await accessOf(bus));
    await until("the old connection to go", () => !reporter.isConnected());
    await until("the new one", () => reporter.isConnected());
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    expect(reporter.isConnected()).toBe(true);
    reporter.publish("heartbeat", text("after"));
    await until("the report", () => bus.heard.length === 1);
  });

  it("keeps trying with credentials that the server refuses, and uses the next ones", async () => {
    const bus = await startBus();
    const stranger = await foundBus();
    const reporter = aReporter();
    reporter.use({ ...(await accessOf({ ...bus, foundation: stranger })) });
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(reporter.isConnected()).toBe(false);
    reporter.use(await accessOf(bus));
    await until("the bus", () => reporter.isConnected());
  });

  it("holds nothing up without any server", async () => {
    const reporter = aReporter();
    reporter.use({
      credentials: (await accessOf({ foundation: await foundBus(), server: { url: "" } as TestServer, heard: [] }))
        .credentials,
      urls: ["nats://127.0.0.1:1"],
    });
    // Kept for later, these would be 100 MB.
    for (let index = 0; index < 10_000; index += 1) reporter.publish("window", new Uint8Array(10_000));
    await reporter.close();
    expect(reporter.isConnected()).toBe(false);
  });
});
