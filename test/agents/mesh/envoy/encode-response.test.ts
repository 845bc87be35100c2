import { create, toBinary } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { encodeResponse } from "../../../../agents/mesh/envoy/encode-response.ts";
import type { Resource } from "../../../../agents/mesh/envoy/snapshot.ts";
import { TYPE_URLS } from "../../../../agents/mesh/envoy/snapshot.ts";
import type { ServiceId } from "../../../../src/model/ids.ts";
import { DiscoveryResponseSchema } from "../../../../proto/gen/envoy/service/discovery/v3/discovery_pb.ts";

const typeUrl = TYPE_URLS.cluster;

function resourceOf(length: number): Resource {
  const bytes = Uint8Array.from({ length }, (_, index) => index % 251);
  const services = ["shop/checkout" as ServiceId];
  return { kind: "cluster", name: `c${length}`, audience: "envoy", services, bytes, version: `v${length}` };
}

/** Around every length at which a number takes one byte more, for the value and for what is around it. */
const LENGTHS = [1, 60, 79, 80, 81, 127, 128, 129, 16_330, 16_383, 16_384, 2_097_152].map(resourceOf);

describe("a discovery response", () => {
  it.each([
    ["of nothing", []],
    ["of one", LENGTHS.slice(2, 3)],
    ["of every length", LENGTHS],
  ])("%s has the bytes of its generated message", (_, resources) => {
    const { bytes } = encodeResponse({ typeUrl, nonce: "cluster-7", resources });
    const message = create(DiscoveryResponseSchema, {
      versionInfo: encodedVersion(bytes),
      resources: resources.map((resource) => ({ typeUrl, value: resource.bytes })),
      typeUrl,
      nonce: "cluster-7",
    });
    expect(bytes.equals(toBinary(DiscoveryResponseSchema, message))).toBe(true);
  });

  it("has the version of its resources, whatever the stream", () => {
    const [one, other] = [LENGTHS.slice(0, 2), LENGTHS.slice(1, 3)];
    const version = (nonce: string, resources: readonly Resource[]) =>
      encodedVersion(encodeResponse({ typeUrl, nonce, resources }).bytes);
    expect(version("cluster-1", one)).toMatch(/^[0-9a-f]{16}$/);
    expect(version("cluster-1", one)).toBe(version("cluster-2", one));
    expect(version("cluster-1", one)).not.toBe(version("cluster-1", other));
  });
});

/** The first field: a tag, a length, and so many characters. */
function encodedVersion(bytes: Buffer): string {
  return bytes.subarray(2, 2 + (bytes[1] ?? 0)).toString();
}
