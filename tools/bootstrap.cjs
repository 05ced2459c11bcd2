#!/usr/bin/env node
'use strict'
// The entry of `npm start`, `npm test`, `npm run test:deep` and `npm run bench`. It must run on any Node >= 20 in a fresh clone, before anything is
// installed: so CommonJS, no dependencies, and no syntax newer than Node 14.
const { spawn } = require('child_process')
const fs = require('fs')
const os = require('os')
const path = require('path')
const { followStarter, isNewEnough, runtimePackage } = require('../packages/cli/bin/headrace.cjs')

const ROOT = path.join(__dirname, '..')

/** True when the installed tree is missing, unfinished (npm writes its hidden lockfile last) or older than the lockfile. */
function needsInstall(root) {
  try {
    return fs.statSync(path.join(root, 'node_modules', '.package-lock.json')).mtimeMs < fs.statSync(path.join(root, 'package-lock.json')).mtimeMs
  } catch {
    return true
  }
}

/** True when what only tests, checks and benches need is there: an install for `start` alone leaves it out (it is most of the whole). */
function hasDevDependencies(root) {
  const names = Object.keys(JSON.parse(fs.readFileSync(path.join(root, 'package.json'), 'utf8')).devDependencies || {})
  return names.every(function (name) { return fs.existsSync(path.join(root, 'node_modules', name)) })
}

/** What `npm ci` is to be called with before a task; null = nothing needs to be installed. `start` does not take away what others need. */
function installArguments(root, task) {
  const complete = hasDevDependencies(root)
  if (task === 'start') return needsInstall(root) ? (complete ? [] : ['--omit=dev']) : null
  return needsInstall(root) || !complete ? [] : null
}

/** The Node to run tasks with: this one when new enough, else the platform package's. Null = none is at hand. */
function chooseRuntime(root, version, platform, arch, execPath) {
  if (isNewEnough(version)) return execPath
  const name = runtimePackage(platform, arch)
  if (name === null) return null
  const binary = path.join(root, 'node_modules', name, 'bin', platform === 'win32' ? 'node.exe' : 'node')
  return fs.existsSync(binary) ? binary : null
}

/** The steps of a task, in order: a label and the arguments to Node. Null = no such task. */
function stepsOf(task, args, report) {
  const vitest = ['node_modules/vitest/vitest.mjs', 'run']
  const env = { HEADRACE_TEST_REPORT: report }
  switch (task) {
    case 'start': return [{ label: 'start', argv: ['packages/cli/bin/headrace.cjs', 'start'].concat(args) }]
    case 'catalogue': return [{ label: 'catalogue', argv: ['tools/make-catalogue.ts'].concat(args) }]
    case 'providers': return [{ label: 'providers', argv: ['tools/make-providers.ts'].concat(args) }]
    case 'bench': return [{ label: 'bench', argv: ['bench/run.ts'].concat(args) }]
    case 'test': return [
      { label: 'types', argv: ['node_modules/typescript/bin/tsc', '--noEmit'] },
      { label: 'lint', argv: ['node_modules/oxlint/bin/oxlint', '--deny-warnings'] },
      { label: 'tests', argv: vitest.concat(args), env: env, counted: true },
    ]
    case 'test:deep': return [{ label: 'deep tests', argv: vitest.concat(args), env: Object.assign({ HEADRACE_TESTS: 'deep' }, env), counted: true }]
    default: return null
  }
}

/** Counts of a vitest JSON report; a suite that could not even load counts as one failure. Null = no report. */
function countsOf(report) {
  try {
    const result = JSON.parse(fs.readFileSync(report, 'utf8'))
    const broken = result.testResults.filter(function (file) { return file.status === 'failed' && file.assertionResults.length === 0 }).length
    return { passed: result.numPassedTests, failed: result.numFailedTests + broken }
  } catch {
    return null
  }
}

/** Runs Node to its end. Resolves with its exit code; 128 + n stands for a signal. */
function run(node, argv, env) {
  return new Promise(function (resolve) {
    const child = spawn(node, argv, { cwd: ROOT, env: env, stdio: 'inherit' })
    // A terminal's Ctrl-C reaches the whole process group: handing it on as well would count as the second one, which kills.
    const handlers = { SIGINT: function () { if (!process.stdin.isTTY) child.kill('SIGINT') } }
    ;['SIGTERM', 'SIGHUP', 'SIGUSR2'].forEach(function (signal) { handlers[signal] = function () { child.kill(signal) } })
    Object.keys(handlers).forEach(function (signal) { process.on(signal, handlers[signal]) })
    child.on('error', function (error) { console.error(error.message); resolve(1) })
    child.on('exit', function (code, signal) {
      Object.keys(handlers).forEach(function (name) { process.removeListener(name, handlers[name]) })
      resolve(signal ? 128 + (os.constants.signals[signal] || 0) : code)
    })
  })
}

/** `npm ci` with warnings hushed (an old Node makes dozens of EBADENGINE) and errors shown. Resolves with its exit code. */
function install(more) {
  console.log('Installing dependencies (' + ['npm ci'].concat(more).join(' ') + ') ...')
  const args = ['ci', '--loglevel=error', '--no-fund', '--no-audit'].concat(more)
  const npm = process.env.npm_execpath
  return new Promise(function (resolve) {
    const options = { cwd: ROOT, stdio: ['ignore', 'ignore', 'inherit'] }
    const child = npm && /\.c?js$/.test(npm)
      ? spawn(process.execPath, [npm].concat(args), options)
      : spawn(process.platform === 'win32' ? 'npm.cmd' : 'npm', args, Object.assign(options, { shell: process.platform === 'win32' }))
    child.on('error', function (error) { console.error('npm could not be started: ' + error.message); resolve(1) })
    child.on('exit', function (code) { resolve(code === null ? 1 : code) })
  })
}

async function main(task, args) {
  const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'headrace-report-'))
  try {
    const report = path.join(scratch, 'report.json')
    const steps = stepsOf(task, args, report)
    if (steps === null) {
      console.error('usage: node tools/bootstrap.cjs start|test|test:deep|bench|catalogue|providers [ARGS]')
      return 2
    }
    const missing = installArguments(ROOT, task)
    if (missing !== null) {
      const code = await install(missing)
      if (code !== 0) return code
    }
    const node = chooseRuntime(ROOT, process.versions.node, process.platform, process.arch, process.execPath)
    if (node === null) {
      console.error('Headrace needs Node 24 or newer (found ' + process.version + '), and no ready-made one exists for ' + process.platform + '-' + process.arch + ': install one from nodejs.org.')
      return 1
    }
    const bins = [path.join(ROOT, 'node_modules', '.bin'), path.dirname(node)].join(path.delimiter)
    for (const step of steps) {
      const env = Object.assign({}, process.env, { PATH: bins + path.delimiter + process.env.PATH }, step.env)
      if (steps.length > 1) console.log('\n> ' + step.label)
      const code = await run(node, step.argv, env)
      if (step.counted) {
        const counts = countsOf(report) || { passed: 0, failed: 1 }
        console.log('\n' + counts.passed + ' passed, ' + (code !== 0 && counts.failed === 0 ? 1 : counts.failed) + ' failed')
      } else if (code !== 0 && task === 'test') {
        console.log('\nStopped: ' + step.label + ' failed.\n0 passed, 1 failed')
      }
      if (code !== 0) return code
    }
    return 0
  } finally {
    fs.rmSync(scratch, { recursive: true, force: true })
  }
}

module.exports = { needsInstall, installArguments, chooseRuntime, stepsOf, countsOf }

if (require.main === module) {
  followStarter()
  main(process.argv[2] || '', process.argv.slice(3)).then(function (code) { process.exitCode = code })
}
