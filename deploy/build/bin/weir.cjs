#!/usr/bin/env node
"use strict";

require("./launch.cjs")("weir", "src/cli/main.js");
