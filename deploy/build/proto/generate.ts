/** `npm run proto`: makes proto/gen anew from proto/weir and proto/vendor. */
import { join } from "node:path";
import { REPO } from "../tool.ts";
import { generateInto } from "./generate-into.ts";

generateInto(join(REPO, "proto"));
