import { describe, expect, it } from "vitest";
import type { Response } from "../../../../agents/mesh/envoy/ads-stream.ts";
import { AdsStream } from "../../../../agents/mesh/envoy/ads-stream.ts";
import type { Kind } from "../../../../agents/mesh/envoy/render.ts";
import type { Resource } from "../../../../agents/mesh/envoy/snapshot.ts";
import { TYPE_URLS, snapshotOf } from "../../../../agents/mesh/envoy/snapshot.ts";
import type { ServiceId } from "../../../../src/model/ids.ts";

function aResource(kind: Kind, name: string, version = "1"): Resource {
  const audience = name.startsWith("grpc") || name === "greeter.shop" ? "proxyless" : "envoy";
  const services = ["shop/checkout" as ServiceId];
  return { kind, name, audience, services, bytes: new Uint8Array(), version };
}

const OLD = "out/shop/checkout/us-east/v1";
const NEW = "out/shop/checkout/us-east/v2";

function envoyResources(...envoyClusters: readonly string[]): readonly Resource[] {
  return [
    ...envoyClusters.flatMap((name) => [aResource("cluster", name), aResource("endpoints", name)]),
    aResource("listener", "outbound/8080"),
    aResource("route", "outbound/8080", envoyClusters.join()),
  ];
}

/** A client whose answers the test decides. */
function aClient() {
  const responses: Response[] = [];
  const stream = new AdsStream((response) => void responses.push(response));
  const ask = (kind: Kind, names: readonly string[] = [], nonce = "") =>
    stream.receive({ typeUrl: TYPE_URLS[kind], names, nonce });
  const last = (kind: Kind) => responses.findLast(({ typeUrl }) => typeUrl === TYPE_URLS[kind]);
  const namesIn = (kind: Kind) => last(kind)?.resources.map(({ name }) => name);
  const acknowledge = (kind: Kind, names: readonly string[] = []) => ask(kind, names, last(kind)?.nonce);
  const refuse = (kind: Kind, refusal: string, names: readonly string[] = []) =>
    stream.receive({ typeUrl: TYPE_URLS[kind], names, nonce: last(kind)?.nonce ?? "", refusal });
  const offer = (...resources: readonly Resource[]) =>
    stream.offer({ snapshot: snapshotOf(resources), tolerates: () => false });
  const kinds = () => responses.map(({ typeUrl }) => typeUrl.split(".").at(-1));
  return { stream, responses, ask, last, namesIn, acknowledge, refuse, offer, kinds };
}

/** An Envoy that has accepted a snapshot with one envoyCluster. */
function aSettledEnvoy() {
  const client = aClient();
  client.offer(...envoyResources(OLD));
  client.ask("cluster");
  client.ask("endpoints", [OLD]);
  client.acknowledge("endpoints", [OLD]);
  client.acknowledge("cluster");
  client.ask("listener");
  client.acknowledge("listener");
  client.ask("route", ["outbound/8080"]);
  client.acknowledge("route", ["outbound/8080"]);
  return client;
}

describe("AdsStream", () => {
  it("answers nothing before there is a plan, so that a proxy keeps what it has", () => {
    const client = aClient();
    client.ask("cluster");
    expect(client.responses).toEqual([]);
    expect(client.stream.standing()).toEqual({ isEnvoy: true, isSettled: false, nacks: [] });
  });

  it("is settled when an Envoy has accepted clusters, endpoints, listeners and routes", () => {
    const client = aSettledEnvoy();
    expect(client.kinds()).toEqual(["Cluster", "ClusterLoadAssignment", "Listener", "RouteConfiguration"]);
    expect(client.stream.standing()).toEqual({ isEnvoy: true, isSettled: true, nacks: [] });
  });

  it("sends routes only when the envoyClusters they lead to have their endpoints", () => {
    const client = aSettledEnvoy();
    const before = client.responses.length;
    client.offer(...envoyResources(OLD, NEW));
    expect(client.kinds().slice(before)).toEqual(["Cluster"]);
    // Envoy asks for the endpoints first, and acknowledges when it has them.
    client.ask("endpoints", [OLD, NEW], "endpoints-2");
    expect(client.namesIn("endpoints")).toEqual([NEW]);
    client.acknowledge("endpoints", [OLD, NEW]);
    expect(client.kinds().slice(before)).toEqual(["Cluster", "ClusterLoadAssignment"]);
    client.acknowledge("cluster");
    expect(client.kinds().at(-1)).toBe("RouteConfiguration");
    client.acknowledge("route", ["outbound/8080"]);
    expect(client.stream.standing().isSettled).toBe(true);
  });

  it("takes things away only after the routes no longer lead there", () => {
    const client = aSettledEnvoy();
    const before = client.responses.length;
    client.offer(...envoyResources(NEW));
    expect(client.namesIn("cluster")).toEqual([OLD, NEW]);
    client.ask("endpoints", [OLD, NEW], "endpoints-2");
    client.acknowledge("endpoints", [OLD, NEW]);
    client.acknowledge("cluster");
    client.acknowledge("route", ["outbound/8080"]);
    expect(client.namesIn("cluster")).toEqual([NEW]);
    expect(client.kinds().slice(before)).toEqual(["Cluster", "ClusterLoadAssignment", "RouteConfiguration", "Cluster"]);
  });

  it("sends the endpoints of a changed envoyCluster again, since it waits for them anew", () => {
    const client = aSettledEnvoy();
    const [, ...others] = envoyResources(OLD);
    client.offer(aResource("cluster", OLD, "2"), ...others);
    expect(client.kinds().slice(-2)).toEqual(["Cluster", "ClusterLoadAssignment"]);
    expect(client.namesIn("endpoints")).toEqual([OLD]);
  });

  it("sends nothing twice, and nothing when nothing changed", () => {
    const client = aSettledEnvoy();
    const before = client.responses.length;
    client.offer(...envoyResources(OLD));
    client.ask("endpoints", [OLD], "endpoints-2");
    expect(client.responses.length).toBe(before);
    expect(client.stream.standing().isSettled).toBe(true);
  });

  it("ignores an answer to an older response", () => {
    const client = aSettledEnvoy();
    const [cluster, , ...others] = envoyResources(OLD);
    if (cluster === undefined) throw new Error("no envoyCluster");
    client.offer(cluster, aResource("endpoints", OLD, "2"), ...others);
    client.ask("endpoints", [OLD], "endpoints-2");
    expect(client.stream.standing().isSettled).toBe(false);
    client.acknowledge("endpoints", [OLD]);
    expect(client.stream.standing().isSettled).toBe(true);
  });

  it("stops at a refusal, tells it, and goes on when the refused is withdrawn", () => {
    const client = aSettledEnvoy();
    const before = client.responses.length;
    client.offer(...envoyResources(OLD, NEW));
    client.refuse("cluster", `Error adding/updating cluster(s) ${NEW}: no`);
    expect(client.stream.standing().nacks).toMatchObject([{ kind: "cluster", resources: [{ name: NEW }] }]);
    expect(client.kinds().slice(before)).not.toContain("RouteConfiguration");

    client.offer(...envoyResources(OLD));
    expect(client.namesIn("cluster")).toEqual([OLD]);
    expect(client.stream.standing().nacks).toEqual([]);
    client.acknowledge("cluster");
    expect(client.stream.standing().isSettled).toBe(true);
  });

  it("passes by a refusal that the offer tolerates", () => {
    const client = aSettledEnvoy();
    const listener = aResource("listener", "outbound/8081");
    const resources = [...envoyResources(OLD), listener, aResource("route", "outbound/8081")];
    const tolerated = { snapshot: snapshotOf(resources), tolerates: () => true };
    client.stream.offer(tolerated);
    client.refuse("listener", "Error adding/updating listener(s) outbound/8081: in use");
    expect(client.stream.standing()).toMatchObject({ isSettled: true, nacks: [{ kind: "listener" }] });
    // Another try with each new offer: the reason may be gone.
    client.stream.offer(tolerated);
    expect(client.namesIn("listener")).toContain("outbound/8081");
    expect(client.stream.standing().isSettled).toBe(false);
  });

  it("gives a proxyless client what it names and says at once what does not exist", () => {
    const client = aClient();
    client.offer(aResource("listener", "greeter.shop"), ...envoyResources(OLD));
    client.ask("listener", ["nothing.shop"]);
    expect(client.namesIn("listener")).toEqual([]);
    client.acknowledge("listener", ["nothing.shop", "greeter.shop"]);
    expect(client.namesIn("listener")).toEqual(["greeter.shop"]);
    client.acknowledge("listener", ["nothing.shop", "greeter.shop"]);
    expect(client.stream.standing()).toEqual({ isEnvoy: false, isSettled: true, nacks: [] });
    expect(client.stream.dialled()).toEqual(["nothing.shop", "greeter.shop"]);
  });

  it("answers anew who unsubscribed and comes back", () => {
    const client = aClient();
    client.offer(aResource("endpoints", "grpc/a"), aResource("endpoints", "grpc/b"));
    client.ask("endpoints", ["grpc/a", "grpc/b"]);
    client.acknowledge("endpoints", ["grpc/b"]);
    client.acknowledge("endpoints", ["grpc/a", "grpc/b"]);
    expect(client.namesIn("endpoints")).toEqual(["grpc/a"]);
  });

  it("never takes everything away from an Envoy", () => {
    const client = aSettledEnvoy();
    const before = client.responses.length;
    client.offer();
    expect(client.responses.length).toBe(before);
  });

  it("keeps silent about kinds that it does not serve", () => {
    const client = aSettledEnvoy();
    const before = client.responses.length;
    client.stream.receive({ typeUrl: "type.googleapis.com/envoy.service.runtime.v3.Runtime", names: [], nonce: "" });
    expect(client.responses.length).toBe(before);
  });
});
