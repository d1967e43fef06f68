/** The gateway's HTTP server in this process, on a free port; the ledger is a list of settlements. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { ownNames } from '../../../../deploy/listener/src/names.ts';
import { readConfig } from '../../../../gateway/src/edge/config/read.ts';
import type { Services } from '../../../../gateway/src/edge/http/services.ts';
import { httpServer, type Server } from '../../../../gateway/src/edge/http/server.ts';
import { compilePrices } from '../../../../gateway/src/edge/prices/catalog.ts';
import { Admission } from '../../../../gateway/src/edge/budgets/admission.ts';
import { startRuntime, type Runtime } from '../../../../gateway/src/edge/runtime.ts';
import { startKeySets } from '../../../../gateway/src/edge/tokens/issuers.ts';
import { startShared } from '../../../../gateway/src/edge/upstream/upstreams.ts';
import { logger } from '../../../../gateway/src/edge/telemetry/log.ts';
import { metricStore, type MetricStore } from '../../../../gateway/src/edge/telemetry/store.ts';
import type { Step } from '../../../../gateway/src/flow/step.ts';
import { steps as registered } from '../../../../gateway/src/flow/steps/registry.ts';
import type { Settlement } from '../../../../gateway/src/model/settlement.ts';
import { providers } from '../../../../gateway/src/providers/registry.ts';
import { eventually } from '../../../fakes/journal.ts';
import { ByteText } from '../../../../gateway/src/model/byte-text.ts';
import type { Says } from '../../../../gateway/src/edge/ledger/entry.ts';

const textOf = (says: Says): string => {
  if (typeof says === 'string') return says;
  const out = new ByteText();
  says(out);
  return out.view(0).toString();
};

export const key = 'tg-harness-0123456789abcdefghijklmnopqrstuvwxyz';
export const narrowKey = 'tg-harness-narrow-0123456789abcdefghijklmnopqrst';
export const openaiSecret = 'sk-openai-of-the-gateway';
export const anthropicSecret = 'sk-anthropic-of-the-gateway';

export interface Harness {
  readonly url: string;
  readonly port: number;
  readonly server: Server;
  readonly runtime: Runtime;
  readonly settlements: readonly Settlement[];
  readonly store: MetricStore;
  readonly log: Services['log'];
  /** What went to the log and the spool, but for rows. */
  readonly written: readonly string[];
  /** The settlement of a call; waits for it. */
  settled(callId: string): Promise<Settlement>;
  settledCount(count: number): Promise<void>;
  /** What the spool answers to an intent; true at first. */
  spoolTakes(takes: boolean): void;
  /** Makes the next intent throw: a bug of ours. */
  breakSpool(): void;
  /** From now on rows come to the disk when this is called, or do not. */
  holdRows(): (durable: boolean) => void;
  close(): Promise<void>;
}

/** Starts a server with this configuration; two keys are added, one of which may use `gpt-4o-mini` only. */
export const startHarness = async (
  config: string,
  steps: readonly Step[] = registered,
  variables: Readonly<Record<string, string>> = {},
): Promise<Harness> => {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'tollgate-http-'));
  const file = path.join(dir, 'tollgate.yaml');
  const keys = `keys:
  - { id: wide, secret: "\${KEY}", team: shop, application: checkout }
  - { id: narrow, secret: "\${NARROW}", team: search, models: [gpt-4o-mini] }
`;
  writeFileSync(file, `${config}\n${keys}`);
  const env = {
    KEY: key,
    NARROW: narrowKey,
    OPENAI_KEY: openaiSecret,
    ANTHROPIC_KEY: anthropicSecret,
    ...variables,
  };
  const read = await readConfig({ path: file, env, providers });
  rmSync(dir, { recursive: true, force: true });
  if (read.kind === 'bad') throw new Error(JSON.stringify(read.problems));
  const runtime: Runtime = startRuntime(read.config, compilePrices(read.config), {
    origins: new Map(),
    shared: startShared(() => {}),
    keySets: startKeySets({ refreshed: () => {}, failed: () => {}, recovered: () => {} }),
    storedCaller: () => null,
  });
  const settlements: Settlement[] = [];
  const written: string[] = [];
  let takes = true;
  let broken = false;
  let held: ((durable: boolean) => void)[] | null = null;
  const store = metricStore(read.config.limits.labelValues);
  const log = logger('debug', { write: (line) => void written.push(line) });
  const services: Services = {
    runtime: () => runtime,
    spool: {
      intend(_callId, says) {
        written.push(textOf(says));
        if (!broken) return Promise.resolve(takes);
        broken = false;
        throw new Error('the spool is broken by a test');
      },
      further(_callId, says) {
        written.push(textOf(says));
        return Promise.resolve(takes);
      },
      sent: () => {},
      progress: (_callId, says) => void written.push(textOf(says)),
      durableProgress(_callId, says) {
        written.push(textOf(says));
        return Promise.resolve(takes);
      },
    },
    admission: new Admission({
      budgets: runtime.budgets,
      maxAccounts: 1000,
      store,
      log,
      path: path.join(dir, 'budgets.sqlite'),
    }),
    store,
    log,
    settle(settlement, told) {
      settlements.push(settlement);
      if (held === null) told?.(true);
      else if (told !== undefined) held.push(told);
    },
  };
  const server = httpServer({
    steps,
    controlPlane: null,
    names: ownNames('127.0.0.1', []),
    services,
    metrics: () => ({ contentType: 'text/plain', text: () => Promise.resolve('') }),
    ready: () =>
      server.isDraining()
        ? { isReady: false, body: { status: 'not ready', reason: 'draining' } }
        : { isReady: true, body: { status: 'ready' } },
  });
  const port = await server.listen('127.0.0.1', 0);
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    server,
    runtime,
    settlements,
    store: services.store,
    log: services.log,
    written,
    async settled(callId) {
      const found = () => settlements.filter(({ call }) => call.id === callId);
      await eventually(() => found().length > 0, `call ${callId} is settled`);
      const [one, ...more] = found();
      if (one === undefined || more.length > 0) throw new Error(`${callId} was settled twice`);
      return one;
    },
    settledCount: (count) =>
      eventually(() => settlements.length >= count, `${count} calls are settled`),
    spoolTakes(next) {
      takes = next;
    },
    breakSpool() {
      broken = true;
    },
    holdRows() {
      const rows = (held ??= []);
      return (durable) => {
        for (const told of rows.splice(0)) told(durable);
      };
    },
    async close() {
      await server.close();
      await runtime.close();
    },
  };
};
