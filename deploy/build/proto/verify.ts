/** What must hold for the contract: it reads well, old agents still understand it, and proto/gen is what it generates. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { REPO, runTool } from "../tool.ts";
import { generateInto } from "./generate-into.ts";

/** Where the contract that others already run is found, best first: what was pushed, else what is on main here. */
const PUBLISHED_REFS = ["refs/remotes/origin/main", "refs/heads/main"];

/** Names, comments and packages follow buf's standard rules. */
export function protosReadWell(): boolean {
  return runTool("buf", { args: ["lint"], folder: "proto" });
}

/** No field, message or method that main has was removed or changed its meaning. Says so when there is nothing to compare with. */
export function protosStayCompatible(): boolean {
  const ref = PUBLISHED_REFS.find(holdsContract);
  if (ref === undefined) {
    console.log("no earlier contract on main: nothing to be compatible with");
    return true;
  }
  const main = `../.git#ref=${ref},subdir=proto`;
  return runTool("buf", { args: ["breaking", "--against", main], folder: "proto" });
}

function holdsContract(ref: string): boolean {
  try {
    const listed = execFileSync("git", ["ls-tree", "--name-only", ref, "proto/weir/v1/"], {
      cwd: REPO,
      stdio: ["ignore", "pipe", "ignore"],
    });
    return listed.length > 0;
  } catch {
    // No such ref, or no git folder at all (an unpacked archive): either way there is nothing to compare with.
    return false;
  }
}

/** Generating again changes nothing. */
export function generatedCodeIsFresh(): boolean {
  const folder = mkdtempSync(join(tmpdir(), "weir-gen-"));
  try {
    generateInto(folder);
    const same = runTool("diff", { args: ["-rq", join(folder, "gen"), "proto/gen"] });
    if (!same) console.log("proto/gen is out of date: run `npm run proto`");
    return same;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
