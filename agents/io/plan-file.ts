import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { AcknowledgementSchema, DeltaBase, PlanDeltaSchema } from "../../proto/gen/weir/v1/agent_pb.ts";
import { compareNames } from "../../src/model/ids.ts";
import type { ServiceId } from "../../src/model/ids.ts";
import { toRouteRefusals } from "../../src/wire/link.ts";
import { toPosition } from "../../src/wire/position.ts";
import { sha256, sha256Hex, toHex } from "../../src/wire/sha256.ts";
import { heldHashes } from "../core/holding.ts";
import type { Holding } from "../core/holding.ts";
import { digestOf, readOffer } from "./offer.ts";

/** First bytes of every plan file; the number is the version of its form. */
const MAGIC = "WEIR-PLAN-1\n";
const CHECKSUM_BYTES = 32;
const LENGTH_BYTES = 4;

/**
 * A plan as it lies on the disk: magic, SHA-256 of the rest, length of the plan, the plan as a complete delta, and what
 * was refused of it. Route sets keep the bytes they came as, so that their hashes hold.
 */
export function planFileBytes({ position, routeSets, refused }: Holding): Uint8Array {
  const entries = [...routeSets].toSorted(([a], [b]) => compareNames(a, b));
  const plan = create(PlanDeltaSchema, {
    position: toPosition(position),
    routeSets: entries.map(([, { bytes }]) => bytes),
    digest: Buffer.from(digestOf(heldHashes({ position, routeSets })), "hex"),
    base: DeltaBase.NOTHING,
  });
  const refusals = [...refused.values()].toSorted((a, b) => compareNames(a.service, b.service));
  const planBytes = toBinary(PlanDeltaSchema, plan);
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeUInt32BE(planBytes.length);
  const rest = toBinary(AcknowledgementSchema, create(AcknowledgementSchema, { refusals: toRouteRefusals(refusals) }));
  const body = Buffer.concat([length, planBytes, rest]);
  return Buffer.concat([Buffer.from(MAGIC, "latin1"), sha256(body), body]);
}

/** Reads a plan file. Throws, in words, on anything but the exact bytes that `planFileBytes` makes of a sound plan. */
export function readPlanFile(bytes: Buffer): Holding {
  const body = checkedBody(bytes);
  const planLength = body.readUInt32BE(0);
  const planEnd = LENGTH_BYTES + planLength;
  const delta = fromBinary(PlanDeltaSchema, body.subarray(LENGTH_BYTES, planEnd));
  const { refusals } = fromBinary(AcknowledgementSchema, body.subarray(planEnd));
  const offer = readOffer(delta);
  if (!offer.ok) throw new Error(`${offer.refusal.code}: ${offer.refusal.message}`);
  const [unsound] = offer.value.unsound;
  if (unsound !== undefined) throw new Error(`${unsound.service}: ${unsound.code}: ${unsound.detail}`);
  const routeSets = new Map(offer.value.changed.map((entry) => [entry.routeSet.service, entry]));
  const holding: Holding = {
    position: offer.value.position,
    routeSets,
    refused: new Map(
      refusals.map(({ service, hash, code, detail }) => {
        return [service as ServiceId, { service: service as ServiceId, hash: toHex(hash), code, detail }];
      }),
    ),
  };
  if (digestOf(heldHashes(holding)) !== offer.value.digest)
    throw new Error("its route sets do not add up to its digest");
  return holding;
}

function checkedBody(bytes: Buffer): Buffer {
  if (bytes.length === 0) throw new Error("it is empty");
  const start = bytes.subarray(0, MAGIC.length).toString("latin1");
  if (start !== MAGIC) throw new Error(`it is no plan file of this version (it begins ${JSON.stringify(start)})`);
  const checksum = bytes.subarray(MAGIC.length, MAGIC.length + CHECKSUM_BYTES).toString("hex");
  const body = bytes.subarray(MAGIC.length + CHECKSUM_BYTES);
  if (sha256Hex(body) !== checksum) throw new Error("its checksum does not hold: it was cut short or changed");
  return body;
}
