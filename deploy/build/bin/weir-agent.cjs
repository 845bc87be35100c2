#!/usr/bin/env node
"use strict";

require("./launch.cjs")("weir-agent", "agents/main.js");
