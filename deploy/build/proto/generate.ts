/** `npm run proto`: makes proto/gen anew from proto/weir and proto/vendor. */
import { mustRunTool } from "../tool.ts";

mustRunTool("buf", { args: ["generate"], folder: "proto" });
