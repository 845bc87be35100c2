import { z } from "zod";
import type { Refusal } from "../model/refusal.ts";
import { ok, refuse } from "../model/result.ts";
import type { Result } from "../model/result.ts";
import type { FleetSigner } from "./nats/accounts.ts";
import { loadAuthority, readPrivateText } from "./pki/authority.ts";
import type { Authority, AuthorityFiles } from "./pki/authority.ts";

/** What a replica must keep to itself. */
export interface Secrets {
  readonly authority: Authority;
  /** Credentials file of the planner's NATS account. */
  readonly natsCreds: string;
  readonly fleetSigner: FleetSigner;
}

/** Where they are. */
export interface SecretFiles {
  readonly trustDomain: string;
  readonly pki: AuthorityFiles;
  readonly nats: { readonly credentials: string; readonly fleetSigner: string };
}

const signerSchema = z.strictObject({
  account: z.string().regex(/^A[A-Z2-7]{55}$/),
  signingSeed: z.string().regex(/^SA[A-Z2-7]{56}$/),
});

/** Loads every secret, or refuses with everything that is wrong with them. */
export async function loadSecrets(files: SecretFiles): Promise<Result<Secrets, readonly Refusal[]>> {
  const authority = await loadAuthority(files.pki, files.trustDomain);
  const natsCreds = await readPrivateText(files.nats.credentials, "nats.credentials");
  const fleetSigner = await loadSigner(files.nats.fleetSigner);
  if (authority.ok && natsCreds.ok && fleetSigner.ok) {
    return ok({ authority: authority.value, natsCreds: natsCreds.value, fleetSigner: fleetSigner.value });
  }
  return refuse([authority, natsCreds, fleetSigner].flatMap((result) => (result.ok ? [] : [result.refusal])));
}

async function loadSigner(path: string): Promise<Result<FleetSigner, Refusal>> {
  const key = "nats.fleetSigner";
  const text = await readPrivateText(path, key);
  if (!text.ok) return text;
  const parsed = signerSchema.safeParse(parseJson(text.value));
  if (parsed.success) return ok(parsed.data);
  const message = `${path} is not what weir init writes there (JSON with account and signingSeed); restore it`;
  return refuse({ code: "FIELD_INVALID", field: key, message });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Said by the schema in words that fit.
    return undefined;
  }
}
