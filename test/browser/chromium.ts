/** Debian's Chromium without a window, with its own wall around local addresses taken down, so that ours is seen. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

const places = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/** Where the browser is; null: it is not installed. */
export const chromiumPath = (): string | null => places.find((one) => existsSync(one)) ?? null;

/**
 * Local Network Access asks the user before a page of a public address may reach a local one. Not every browser has it,
 * and users answer yes. https://wicg.github.io/local-network-access/
 */
const withoutLocalNetworkAccess = [
  'LocalNetworkAccessChecks',
  'LocalNetworkAccessChecksWebSockets',
  'LocalNetworkAccessForNavigations',
  'LocalNetworkAccessForSubframeNavigations',
  'LocalNetworkAccessForWorkers',
  'BlockInsecurePrivateNetworkRequests',
];

export interface Browser {
  /** What it printed, the last 64 KiB. */
  output(): string;
  stop(): Promise<void>;
}

/** Opens `url`. `names` are the only ones that resolve, each to an address: nothing leaves this machine. */
export const openPage = (
  binary: string,
  url: string,
  names: Readonly<Record<string, string>>,
): Browser => {
  const profile = mkdtempSync(path.join(os.tmpdir(), 'tollgate-browser-'));
  const rules = [
    ...Object.entries(names).map(([name, address]) => `MAP ${name} ${address}`),
    'MAP * ~NOTFOUND',
    'EXCLUDE localhost',
    'EXCLUDE 127.0.0.1',
    'EXCLUDE 0.0.0.0',
  ];
  const child = spawn(
    binary,
    [
      '--headless=new',
      // Tests run as root in containers, where its sandbox does not start.
      '--no-sandbox',
      '--disable-gpu',
      '--disable-dev-shm-usage',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      `--user-data-dir=${profile}`,
      `--disable-features=${withoutLocalNetworkAccess.join(',')}`,
      `--host-resolver-rules=${rules.join(', ')}`,
      url,
    ],
    // A process group of its own: the browser is many processes.
    { stdio: ['ignore', 'pipe', 'pipe'], detached: true, env: { ...process.env, HOME: profile } },
  );
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(-64 * 1024);
    });
  }
  const gone = once(child, 'exit');
  const kill = (): void => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    } catch {
      // it has ended by itself
    }
  };
  process.once('exit', kill);
  return {
    output: () => said,
    async stop() {
      kill();
      await gone;
      rmSync(profile, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
    },
  };
};
