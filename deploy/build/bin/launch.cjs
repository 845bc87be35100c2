"use strict";

// Starts one of Weir's programs on a Node that can run it. This file is the first thing that any Node sees of Weir, however
// old: no syntax here that Node 12 cannot read.
var childProcess = require("child_process");
var fs = require("fs");
var path = require("path");
var url = require("url");

// The same as "engines" in package.json.
var NEEDED = [22, 19];

/**
 * Runs the program at `entry` (relative to the built package's root) with the arguments of this process: in this process if
 * its Node is new enough, else in a child on the Node that the package brings, passing on signals and the exit code.
 */
function launch(name, entry) {
  var program = path.join(__dirname, "..", entry);
  if (isNewEnough(process.versions.node)) return start(program);
  var node = packagedNode();
  if (node === undefined) return refuse(name);
  return delegate(node, program);
}

function isNewEnough(version) {
  var parts = version.split(".").map(Number);
  return parts[0] > NEEDED[0] || (parts[0] === NEEDED[0] && parts[1] >= NEEDED[1]);
}

function start(program) {
  process.argv[1] = program;
  return import(url.pathToFileURL(program).href);
}

/** The binary of the npm package `node`, a dependency of this one; undefined if its install script was not run. */
function packagedNode() {
  try {
    var folder = path.dirname(require.resolve("node/package.json"));
    var binary = path.join(folder, "bin", process.platform === "win32" ? "node.exe" : "node");
    return fs.existsSync(binary) ? binary : undefined;
  } catch (_) {
    // Not installed at all.
    return undefined;
  }
}

function refuse(name) {
  process.stderr.write(
    name +
      " needs Node.js " +
      NEEDED.join(".") +
      " or newer; this is " +
      process.version +
      " (" +
      process.execPath +
      ").\n" +
      "Install a newer one, or install weir again with the install script of its dependency `node` allowed,\n" +
      "which brings a Node of its own: npm install --allow-scripts=node weir\n",
  );
  process.exitCode = 1;
}

function delegate(node, program) {
  var child = childProcess.spawn(node, [program].concat(process.argv.slice(2)), { stdio: "inherit" });
  ["SIGINT", "SIGTERM", "SIGHUP", "SIGUSR2"].forEach(function (signal) {
    process.on(signal, function () {
      // A terminal sends Ctrl-C to both processes. Sent on as well, it would count twice, and a second one means "at once".
      if (signal !== "SIGINT" || !process.stdin.isTTY) child.kill(signal);
    });
  });
  child.on("error", function (error) {
    process.stderr.write(node + ": " + error.message + "\n");
    process.exitCode = 1;
  });
  child.on("exit", function (code, signal) {
    if (signal === null) process.exit(code);
    // Dies of the same signal, so that whoever waits sees the same end.
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}

module.exports = launch;
