import type { ClusterSpec, GatewayAddress } from "../model/cluster.ts";
import { compareNames } from "../model/ids.ts";
import { badName } from "../model/names.ts";
import { firstObjection, PASSED, reject } from "./decision.ts";
import type { Check } from "./decision.ts";

/** Refuses BAD_NAME and FIELD_INVALID, naming the field. Clusters in `rttMs` and `egressDollarsPerGb` need not be registered yet. */
export function checkClusterSpec(spec: ClusterSpec): Check {
  return firstObjection(
    () => checkName(spec.cluster, "cluster.name"),
    () => checkText(spec.region, "cluster.region"),
    () => checkText(spec.expectedUid ?? "", "cluster.expected_uid"),
    () => (spec.gateway === undefined ? PASSED : checkGateway(spec.gateway, "cluster.gateway")),
    () => checkLabels(spec.labels, "cluster.labels"),
    () => checkRoundTrips(spec),
    () => checkPrices(spec),
    () => checkDestinationsMax(spec),
  );
}

function checkDestinationsMax({ maxDestinations = 1 }: ClusterSpec): Check {
  if (Number.isSafeInteger(maxDestinations) && maxDestinations >= 1) return PASSED;
  const message = `${maxDestinations} is no number of destinations; it must be a whole number of at least 1`;
  return reject("FIELD_INVALID", "cluster.max_destinations", message);
}

/** Refuses BAD_NAME what is no DNS-1123 label. */
export function checkName(name: string, field: string): Check {
  const why = badName(name);
  if (why === undefined) return PASSED;
  return reject("BAD_NAME", field, `${JSON.stringify(name.slice(0, 80))} is no name: it ${why}`);
}

/** Refuses an address that is empty or endless, and a port that cannot be. */
export function checkGateway({ address, port }: GatewayAddress, field: string): Check {
  if (!/^[0-9A-Za-z.:_-]{1,253}$/.test(address)) {
    return reject("FIELD_INVALID", `${field}.address`, "must be an IP address or a DNS name");
  }
  return checkPort(port, `${field}.port`);
}

/** Whether two gateways are the same address, or both unknown. */
export function sameGateway(a: GatewayAddress | undefined, b: GatewayAddress | undefined): boolean {
  return a?.address === b?.address && a?.port === b?.port;
}

/** Refuses what is no TCP port. */
export function checkPort(port: number, field: string): Check {
  if (Number.isInteger(port) && port >= 1 && port <= 65_535) return PASSED;
  return reject("FIELD_INVALID", field, `${port} is no port; ports are 1 to 65535`);
}

const TEXT_LENGTH_MAX = 253;

function checkText(text: string, field: string): Check {
  if (text.length <= TEXT_LENGTH_MAX) return PASSED;
  return reject("FIELD_INVALID", field, `has ${text.length} characters, at most ${TEXT_LENGTH_MAX}`);
}

const LABELS_MAX = 64;
const LABEL_KEY = /^[A-Za-z0-9]([A-Za-z0-9._/-]{0,315}[A-Za-z0-9])?$/;

/** Refuses FIELD_INVALID more than 64 labels, and one that Kubernetes would not take. */
export function checkLabels(labels: ClusterSpec["labels"], field: string): Check {
  const entries = Object.entries(labels).toSorted(([a], [b]) => compareNames(a, b));
  if (entries.length > LABELS_MAX) {
    return reject("FIELD_INVALID", field, `has ${entries.length} labels, at most ${LABELS_MAX}`);
  }
  const bad = entries.find(([key, value]) => !LABEL_KEY.test(key) || value.length > TEXT_LENGTH_MAX);
  if (bad === undefined) return PASSED;
  return reject("FIELD_INVALID", `${field}[${JSON.stringify(bad[0].slice(0, 80))}]`, "is no Kubernetes label");
}

function checkRoundTrips(spec: ClusterSpec): Check {
  const entries = Object.entries(spec.rttMs).toSorted(([a], [b]) => compareNames(a, b));
  for (const [name, rttMs] of entries) {
    const named = checkName(name, "cluster.rtt_ms");
    if (!named.ok) return named;
    if (!Number.isFinite(rttMs) || rttMs < 0) {
      return reject("FIELD_INVALID", `cluster.rtt_ms[${name}]`, `${rttMs} ms is no round trip; it must be 0 or more`);
    }
  }
  return PASSED;
}

function checkPrices({ egressDollarsPerGb = {} }: ClusterSpec): Check {
  const entries = Object.entries(egressDollarsPerGb).toSorted(([a], [b]) => compareNames(a, b));
  for (const [name, price] of entries) {
    const named = checkName(name, "cluster.egress_dollars_per_gb");
    if (!named.ok) return named;
    if (!Number.isFinite(price) || price < 0)
      return reject(
        "FIELD_INVALID",
        `cluster.egress_dollars_per_gb[${name}]`,
        `${price} is no price; it must be 0 or more`,
      );
  }
  return PASSED;
}
