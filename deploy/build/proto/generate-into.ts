import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { mustRunTool } from "../tool.ts";
import { trim } from "./trim.ts";
import { WANTED } from "./wanted.ts";

/** Makes `<folder>/gen`: all of Weir's contract, and of other projects' protos what is wanted. */
export function generateInto(folder: string): void {
  const own = mkdtempSync(join(tmpdir(), "weir-protos-"));
  try {
    const [whole, trimmed] = [join(own, "whole.binpb"), join(own, "trimmed.binpb")];
    mustRunTool("buf", { args: ["build", "vendor", "--exclude-source-info", "-o", whole], folder: "proto" });
    const files = trim(fromBinary(FileDescriptorSetSchema, readFileSync(whole)), WANTED);
    const set = create(FileDescriptorSetSchema, { file: [...files] });
    writeFileSync(trimmed, toBinary(FileDescriptorSetSchema, set));
    // The template empties the target for the first input; the second is added to it.
    mustRunTool("buf", { args: ["generate", "--path", "weir", "-o", folder], folder: "proto" });
    mustRunTool("buf", { args: ["generate", trimmed, "--clean=false", "-o", folder], folder: "proto" });
  } finally {
    rmSync(own, { recursive: true, force: true });
  }
}
