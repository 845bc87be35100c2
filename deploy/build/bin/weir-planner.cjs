#!/usr/bin/env node
"use strict";

require("./launch.cjs")("weir-planner", "src/main.js");
