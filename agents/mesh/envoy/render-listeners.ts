import { create } from "@bufbuild/protobuf";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { anyPack } from "@bufbuild/protobuf/wkt";
import type { Listener } from "../../../proto/gen/envoy/config/listener/v3/listener_pb.ts";
import { ListenerSchema } from "../../../proto/gen/envoy/config/listener/v3/listener_pb.ts";
import { RouterSchema } from "../../../proto/gen/envoy/extensions/filters/http/router/v3/router_pb.ts";
import type { HttpConnectionManager } from "../../../proto/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts";
import {
  HttpConnectionManagerSchema,
  HttpConnectionManager_CodecType,
  HttpConnectionManager_ServerHeaderTransformation,
} from "../../../proto/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts";
import { OVER_ADS, socketAddress } from "./render-address.ts";
import type { Site } from "./render-input.ts";
import { GATEWAY, UNSERVED_HEADER, hostOf, outboundName, proxylessRoutes } from "./render-names.ts";
import { header } from "./render-routes.ts";
import type { RouteSet } from "../../../src/model/plan.ts";

type ConnectionsInit = MessageInitShape<typeof HttpConnectionManagerSchema>;

/**
 * Where local callers reach the services of one port. Nothing here depends on a service: a listener that changes drops its
 * connections, so all that ever changes lies in the routes.
 */
export function outboundListener({ address }: Site, port: number): Listener {
  const name = outboundName(port);
  return create(ListenerSchema, {
    name,
    address: socketAddress(address, port),
    filterChains: [{ filters: [httpFilter(connections(name))] }],
  });
}

/** Where other clusters' requests arrive. */
export function gatewayListener({ gateway }: Site): Listener {
  return create(ListenerSchema, {
    name: GATEWAY,
    address: socketAddress(gateway.address, gateway.port),
    filterChains: [{ filters: [httpFilter(connections(GATEWAY, UNSERVED))] }],
  });
}

/** What a proxyless client asks for as `xds:///checkout.shop`: no socket, only how to make calls. */
export function proxylessListener({ service }: RouteSet): Listener {
  const manager = create(HttpConnectionManagerSchema, {
    routeSpecifier: { case: "rds", value: { configSource: OVER_ADS, routeConfigName: proxylessRoutes(service) } },
    httpFilters: [router({})],
  });
  return create(ListenerSchema, {
    name: hostOf(service),
    apiListener: { apiListener: anyPack(HttpConnectionManagerSchema, manager) },
  });
}

/** Flags of answers that Envoy gives when it found no endpoint or could not connect to one: nobody has seen the request. */
const UNSERVED_FLAGS = ["UH", "UF", "NC"];

const UNSERVED: ConnectionsInit = {
  localReplyConfig: {
    mappers: [
      {
        filter: { filterSpecifier: { case: "responseFlagFilter", value: { flags: UNSERVED_FLAGS } } },
        headersToAdd: [header(UNSERVED_HEADER, "no-endpoint")],
      },
    ],
  },
};

function connections(name: string, more: ConnectionsInit = {}): HttpConnectionManager {
  return create(HttpConnectionManagerSchema, {
    statPrefix: name.replace("/", "_"),
    // HTTP/1.1 and HTTP/2 by the client's first bytes.
    codecType: HttpConnectionManager_CodecType.AUTO,
    routeSpecifier: { case: "rds", value: { configSource: OVER_ADS, routeConfigName: name } },
    httpFilters: [router({ suppressEnvoyHeaders: true })],
    serverHeaderTransformation: HttpConnectionManager_ServerHeaderTransformation.PASS_THROUGH,
    ...more,
  });
}

function router(settings: MessageInitShape<typeof RouterSchema>) {
  return {
    name: "envoy.filters.http.router",
    configType: { case: "typedConfig", value: anyPack(RouterSchema, create(RouterSchema, settings)) },
  } as const;
}

function httpFilter(manager: HttpConnectionManager) {
  return {
    name: "envoy.filters.network.http_connection_manager",
    configType: { case: "typedConfig", value: anyPack(HttpConnectionManagerSchema, manager) },
  } as const;
}
