import { spawnSync } from "node:child_process";

/**
 * Drops every packet from and to a /24 network without an answer, as a dead cable does. Only in a network namespace of
 * one's own: it changes the loopback device.
 */
export function dropNetwork(network: string): void {
  run("tc", ["qdisc", "add", "dev", "lo", "clsact"]);
  run("tc", ["filter", "add", "dev", "lo", "ingress", "pref", "1", "bpf", "da", "bytecode", programFor(network)]);
}

/** Lets the packets through again. */
export function dropNothing(): void {
  run("tc", ["qdisc", "del", "dev", "lo", "clsact"]);
}

/** Whether this machine lets us make a network namespace in which packets can be dropped. */
export function canDropPackets(): boolean {
  const trial = `${ENTER} && tc qdisc add dev lo clsact && tc filter add dev lo ingress pref 1 bpf da bytecode '${programFor("127.1.1")}'`;
  return spawnSync("unshare", ["-rn", "sh", "-c", trial], { stdio: "ignore" }).status === 0;
}

/** Command that starts what follows it in a network namespace of its own, in which only loopback is there. */
export const NAMESPACE: readonly string[] = [
  "unshare",
  "-rn",
  "--kill-child",
  "sh",
  "-c",
  'ip link set lo up && exec "$@"',
  "sh",
];

const ENTER = "ip link set lo up";

const DROP = 2;
const PASS = 4_294_967_295;
const IPV4 = 0x0800;
/** Offsets into an Ethernet frame, which loopback frames are as well. */
const TYPE_AT = 12;
const SOURCE_AT = 26;
const DESTINATION_AT = 30;

/** Classic BPF in tc's notation: `count,code jt jf k,…`. */
function programFor(network: string): string {
  const prefix = network.split(".").reduce((sum, part) => sum * 256 + Number(part), 0) * 256;
  const mask = 0xff_ff_ff_00;
  const program = [
    [LOAD_HALF, 0, 0, TYPE_AT],
    [JUMP_EQUAL, 0, 7, IPV4],
    [LOAD_WORD, 0, 0, DESTINATION_AT],
    [AND, 0, 0, mask],
    [JUMP_EQUAL, 3, 0, prefix],
    [LOAD_WORD, 0, 0, SOURCE_AT],
    [AND, 0, 0, mask],
    [JUMP_EQUAL, 0, 1, prefix],
    [RETURN, 0, 0, DROP],
    [RETURN, 0, 0, PASS],
  ];
  return [String(program.length), ...program.map((line) => line.join(" "))].join(",");
}

const LOAD_HALF = 0x28;
const LOAD_WORD = 0x20;
const AND = 0x54;
const JUMP_EQUAL = 0x15;
const RETURN = 0x06;

function run(command: string, args: readonly string[]): void {
  const { status, stderr } = spawnSync(command, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`${command} ${args.join(" ")}: ${stderr}`);
}
