import type { MessageInitShape } from "@bufbuild/protobuf";
import type { Duration } from "@bufbuild/protobuf/wkt";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import type { AddressSchema } from "../../../proto/gen/envoy/config/core/v3/address_pb.ts";
import { ApiVersion } from "../../../proto/gen/envoy/config/core/v3/config_source_pb.ts";
import type { ConfigSourceSchema } from "../../../proto/gen/envoy/config/core/v3/config_source_pb.ts";

/** A TCP address. */
export function socketAddress(address: string, port: number): MessageInitShape<typeof AddressSchema> {
  return {
    address: {
      case: "socketAddress",
      value: { address, portSpecifier: { case: "portValue", value: port } },
    },
  };
}

/** "Ask on the stream you already have." */
export const OVER_ADS: MessageInitShape<typeof ConfigSourceSchema> = {
  configSourceSpecifier: { case: "ads", value: {} },
  resourceApiVersion: ApiVersion.V3,
};

/** Milliseconds as protobuf writes them. */
export function milliseconds(value: number): Duration {
  return durationFromMs(value);
}
