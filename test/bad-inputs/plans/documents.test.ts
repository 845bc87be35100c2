import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ServiceService } from "../../../proto/gen/weir/v1/traffic_pb.ts";
import { Operator } from "../../cli/fleet.ts";
import { register } from "../world/member.ts";
import { startWorld } from "../world/world.ts";
import type { World } from "../world/world.ts";

const LIMIT_MS = 90_000;
const REFUSED = 1;

let world: World;
let operator: Operator;

beforeAll(async () => {
  world = await startWorld();
  operator = new Operator(world.folder);
  await world.untilReady();
  for (const cluster of ["c1", "c2"]) await register(world, cluster);
}, LIMIT_MS);
afterAll(async () => world.stop(), LIMIT_MS);

const SERVICE = `kind: Service
name: shop/checkout
protocol: http
port: 8080
stableVersion: v1
deployments:
  - {cluster: c1, version: v1, capacityRps: 100}
pace: {bake: 300ms, maxStep: 25%}
`;

const SHIFT = "kind: Shift\nservice: shop/checkout\nfrom: [c1]\nreason: r\n";

const step = (text: string): string => SERVICE.replace("25%", text);
const port = (text: string): string => SERVICE.replace("8080", text);

/** Nine lists, each of nine times the one before. */
const BOMB = Array.from(
  { length: 9 },
  (_, at) => `b${at}: &b${at} [${Array.from({ length: 9 }, () => (at === 0 ? "x" : `*b${at - 1}`)).join()}]`,
);

type Row = readonly [number: string, input: string, text: string, answer: RegExp];

const SERVICES: readonly Row[] = [
  ["2", "a negative step", step("-5%"), /^error: WEIGHT_TYPE pace\.maxStep: .* line 8/],
  ["2", "a step finer than a basis point", step("33.333%"), /^error: WEIGHT_TYPE pace\.maxStep/],
  ["2", "a step that is no number", step("NaN%"), /^error: WEIGHT_TYPE pace\.maxStep/],
  ["2", "a step in quotes", step('"50"'), /^error: WEIGHT_TYPE pace\.maxStep.*a share such as 50%/],
  ["2", "a step of 1e400", step("1e400"), /^error: WEIGHT_TYPE pace\.maxStep/],
  ["2", "a step of -0", step("-0"), /^error: WEIGHT_TYPE pace\.maxStep/],
  ["4", "nothing", "", /^error: EMPTY_PLAN.*declares nothing/],
  ["4", "an empty mapping", "{}", /^error: EMPTY_PLAN/],
  ["4", "null", "null", /^error: EMPTY_PLAN/],
  ["4", "comments alone", "# nothing\n# at all\n", /^error: EMPTY_PLAN/],
  [
    "6",
    "a misspelt key",
    SERVICE.replace("port:", "prot: 1\nport:"),
    /^error: UNKNOWN_FIELD prot: .* line 4.*did you mean port\?/,
  ],
  [
    "6",
    "a misspelt inner key",
    SERVICE.replace("capacityRps", "capacityRsp"),
    /^error: UNKNOWN_FIELD deployments\[0\]\.capacityRsp.*did you mean capacityRps\?/,
  ],
  ["7", "a key twice", `${SERVICE}port: 9\n`, /^error: DUPLICATE_KEY port: .* line 9: .* on line 4/],
  ["8", "an alias bomb", BOMB.join("\n"), /^error: DOC_TOO_LARGE/],
  ["8", "10 000 levels", "[".repeat(10_000), /^error: DOC_TOO_LARGE.*deeper than 64/],
  [
    "8",
    "10 000 levels of blocks",
    Array.from({ length: 3_000 }, (_, at) => `${" ".repeat(at)}a:`)
      .join("\n")
      .slice(0, 1_000_000),
    /^error: DOC_TOO_LARGE/,
  ],
  ["9", "no for a name", SERVICE.replace("shop/checkout", "no"), /^error: BAD_NAME spec\.name: "no"/],
  ["9", "a number with underscores", port("1_000"), /^error: FIELD_INVALID port.*"1_000"/],
  ["9", "a function", port("!!js/function 'x'"), /^error: YAML_TAG: .* line 4/],
  ["9", "a tag of our own", port("!weir 8080"), /^error: YAML_TAG: .* line 4/],
  [
    "9",
    "a merge key",
    `x: &x {port: 8080}\n${SERVICE.replace("port: 8080", "<<: *x")}`,
    /^error: (UNKNOWN_FIELD|FIELD_REQUIRED|YAML)/,
  ],
  [
    "10",
    "a cluster that nobody knows",
    SERVICE.replace("cluster: c1", "cluster: mars"),
    /^error: UNKNOWN_CLUSTER spec\.deployments\[0\].*there are c1, c2/,
  ],
  ["11", "a name with capitals", SERVICE.replace("shop/checkout", "shop/Checkout"), /^error: BAD_NAME spec\.name/],
  ["12", "a look-alike", SERVICE.replace("cluster: c1", "cluster: с1"), /^error: BAD_NAME .*\\u0441/],
  [
    "19",
    "a resource version of 1e3",
    `${SERVICE}resourceVersion: "1e3"\n`,
    /^error: (FIELD_INVALID|SEQ_RANGE) resourceVersion/,
  ],
  [
    "19",
    "a resource version of 2^53",
    `${SERVICE}resourceVersion: 9007199254740992\n`,
    /^error: (FIELD_INVALID|SEQ_RANGE) /,
  ],
  [
    "27",
    "a protocol that nobody speaks",
    SERVICE.replace("http", "smtp"),
    /^error: (UNKNOWN_ENUM|FIELD_INVALID) protocol.*http/,
  ],
  [
    "6",
    "a misspelt rule of a policy",
    `${SERVICE}policy: {deniedCluster: [c2]}\n`,
    /^error: UNKNOWN_FIELD policy\.deniedCluster: .* line 9.*did you mean deniedClusters\?/,
  ],
  [
    "13",
    "no allowed cluster",
    `${SERVICE}policy: {allowedClusters: []}\n`,
    /^error: EMPTY_SELECTOR spec\.policy\.allowed/,
  ],
  [
    "2",
    "a largest share without its unit",
    `${SERVICE}policy: {maxShare: 60}\n`,
    /^error: WEIGHT_TYPE policy\.maxShare/,
  ],
  ["2", "a largest share of nothing", `${SERVICE}policy: {maxShare: 0%}\n`, /^error: WEIGHT_TYPE policy\.maxShare/],
  [
    "27",
    "an isolation that nobody knows",
    `${SERVICE}policy: {isolation: total}\n`,
    /^error: FIELD_INVALID policy\.isolation.*none, nearest, strict/,
  ],
  [
    "2",
    "time that is worth nothing",
    `${SERVICE}objective: {dollarsPerRequestMs: 0}\n`,
    /^error: FIELD_INVALID objective/,
  ],
  [
    "27",
    "an objective that nobody knows",
    `${SERVICE}objective: speed\n`,
    /^error: FIELD_INVALID objective.*latency, price/,
  ],
  [
    "4",
    "an objective of nothing",
    `${SERVICE}objective: {}\n`,
    /^error: (EMPTY_PLAN|FIELD_REQUIRED objective\.dollarsPerRequestMs)/,
  ],
  [
    "6",
    "servers that do no work",
    SERVICE.replace("capacityRps: 100", "servers: 4"),
    /^error: FIELD_REQUIRED deployments\[0\]\.meanWorkMs.*required beside servers/,
  ],
  ["40", "bytes that are no text", Buffer.from([0xff, 0xfe, 0x00, 0x81]).toString("latin1"), /^error: \w+/],
];

const SHIFTS: readonly Row[] = [
  [
    "1",
    "shares that fall short",
    `${SHIFT}to: [{cluster: c1, version: v1, weight: 99.99%}]\n`,
    /^error: WEIGHTS_SUM .*9999/,
  ],
  [
    "2",
    "a bare number",
    `${SHIFT}to: [{cluster: c1, version: v1, weight: 100}]\n`,
    /^error: WEIGHT_TYPE to\[0\]\.weight/,
  ],
  ["3", "shares of 0", `${SHIFT}to: [{cluster: c1, version: v1, weight: 0%}]\n`, /^error: NO_SERVING_TARGET/],
  [
    "6",
    "wieght",
    `${SHIFT}to: [{cluster: c1, version: v1, wieght: 100%}]\n`,
    /^error: UNKNOWN_FIELD to\[0\]\.wieght.*did you mean weight\?/,
  ],
  [
    "7",
    "a destination twice",
    `${SHIFT}to: [{cluster: c1, version: v1, weight: 50%}, {cluster: c1, version: v1, weight: 50%}]\n`,
    /^error: DUPLICATE_KEY/,
  ],
  [
    "13",
    "no sources",
    `${SHIFT.replace("[c1]", "[]")}to: [{cluster: c1, version: v1, weight: 100%}]\n`,
    /^error: EMPTY_SELECTOR/,
  ],
];

interface Refused {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
  /** What is decided, before and after. */
  readonly before: unknown;
  readonly after: unknown;
}

async function give(command: readonly string[], text: string): Promise<Refused> {
  const file = join(world.folder, "document.yaml");
  writeFileSync(file, text);
  const before = await world.state();
  const run = await operator.weir([...command, "-f", file, "--socket", world.servers.addresses.socket]);
  return { ...run, before, after: await world.state() };
}

/** Refused with one line and a hint, never with a stack. */
const LINES = /^error: .*\n(hint: .*\n)?$/;

describe("a service's document", { timeout: LIMIT_MS }, () => {
  it.each(SERVICES)("%s: %s is refused, and nothing changes", async (_number, _input, text, answer) => {
    const { code, out, err, before, after } = await give(["service", "apply"], text);
    expect({ code, out, err }).toEqual({ code: REFUSED, out: "", err: expect.stringMatching(LINES) as string });
    expect(err).toMatch(answer);
    expect(after).toEqual(before);
  });

  it("9: numbers are those of YAML 1.2", async () => {
    writeFileSync(join(world.folder, "document.yaml"), port("0x10"));
    const args = ["-f", join(world.folder, "document.yaml"), "--socket", world.servers.addresses.socket];
    expect(await operator.weir(["service", "apply", ...args])).toMatchObject({ code: 0 });
    const { services } = await world.must<{ services: { spec: { port: number } }[] }>(
      ServiceService,
      "listServices",
      {},
    );
    expect(services.map(({ spec }) => spec.port)).toEqual([16]);
  });
});

describe("a shift's document", { timeout: LIMIT_MS }, () => {
  it.each(SHIFTS)("%s: %s is refused, and nothing changes", async (_number, _input, text, answer) => {
    const { code, out, err, before, after } = await give(["shift", "request"], text);
    expect({ code, out, err }).toEqual({ code: REFUSED, out: "", err: expect.stringMatching(LINES) as string });
    expect(err).toMatch(answer);
    expect(after).toEqual(before);
  });
});

/** More than `weir` needs for itself, and far less than what is poured into it. */
const RSS_MAX_KB = 250_000;

describe("50 MB", { timeout: LIMIT_MS }, () => {
  it.each([
    ["of one word", Buffer.alloc(50_000_000, "a")],
    ["of open brackets", Buffer.alloc(50_000_000, "[")],
    ["of small values", Buffer.alloc(50_000_000, "- a\n")],
  ])("8: %s are DOC_TOO_LARGE, and little memory", async (_what, bytes) => {
    const measure = "process.on('exit', () => process.stderr.write(`kb=${process.resourceUsage().maxRSS}`))";
    const main = join(import.meta.dirname, "../../../src/cli/main.ts");
    const args = ["service", "apply", "-f", "-", "--socket", world.servers.addresses.socket];
    const child = spawn(process.execPath, ["--import", `data:text/javascript,${measure}`, main, ...args], {
      env: { PATH: process.env["PATH"], HOME: world.folder },
    });
    let said = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => (said += text));
    child.stdin.on("error", () => undefined).end(bytes);
    const code = await new Promise((resolve) => child.once("close", resolve));
    expect({ code, said }).toEqual({ code: REFUSED, said: expect.stringContaining("DOC_TOO_LARGE") as string });
    expect(Number(/kb=(\d+)/.exec(said)?.[1])).toBeLessThan(RSS_MAX_KB);
  });
});
