/** The processes beside the one that is measured: mock provider, sink, and load. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { engineFlags } from '../../../deploy/local/src/engine-flags.ts';
import { readyLine, startPart, type Part } from './processes.ts';
import { isRecord, type Provider } from './wire.ts';

/** Load, mock and sink share the second core. */
export const loadCore = 1;

const files = {
  mock: fileURLToPath(new URL('./mock.ts', import.meta.url)),
  sink: fileURLToPath(new URL('./sink.ts', import.meta.url)),
  relay: fileURLToPath(new URL('./relay.ts', import.meta.url)),
  load: fileURLToPath(new URL('./load.ts', import.meta.url)),
};

const node = (file: string, argument: string, logPath: string, core = loadCore): Part =>
  startPart({ command: process.execPath, args: [...engineFlags, file, argument], core, logPath });

/** Starts the bare relay in front of a provider. */
export const startRelay = async (
  dir: string,
  upstreamPort: number,
  core: number,
): Promise<Part & { readonly port: number }> => {
  const logPath = join(dir, `relay-${upstreamPort}.log`);
  const part = node(files.relay, String(upstreamPort), logPath, core);
  return { ...part, port: Number((await readyLine(part, logPath, 'port'))['port']) };
};

/** Starts a provider that answers at once, or streams one event per `gapMs`. */
export const startMock = async (
  dir: string,
  pace: { readonly minEvents: number; readonly maxEvents: number; readonly gapMs: number },
): Promise<Part & { readonly port: number }> => {
  const logPath = join(dir, `mock-${pace.gapMs}.log`);
  const part = node(files.mock, JSON.stringify(pace), logPath);
  return { ...part, port: Number((await readyLine(part, logPath, 'port'))['port']) };
};

/** Starts what takes spans, metrics and ledger rows and keeps none of them. */
export const startSink = async (
  dir: string,
): Promise<Part & { readonly otlpPort: number; readonly clickhousePort: number }> => {
  const logPath = join(dir, 'sink.log');
  const part = node(files.sink, '', logPath);
  const ports = await readyLine(part, logPath, 'otlpPort');
  return {
    ...part,
    otlpPort: Number(ports['otlpPort']),
    clickhousePort: Number(ports['clickhousePort']),
  };
};

/** What a load process is told. */
export interface LoadSettings {
  readonly provider: Provider;
  readonly stream: boolean;
  /** Calls that begin each second, whatever became of those before; 0: each connection calls again at once. */
  readonly rate: number;
  readonly port: number;
  readonly key: string;
  readonly connections: number;
  /** No call begins after it. */
  readonly seconds: number;
  /** Connections are opened over this time. */
  readonly rampMs: number;
  readonly hangupShare: number;
  readonly withIds: boolean;
}

export interface LoadResult {
  readonly started: number;
  readonly completed: number;
  readonly hungUp: number;
  readonly failed: number;
  readonly events: number;
  /** From the moment a call was due to its last byte; null: none was completed. */
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
  readonly failures: Readonly<Record<string, unknown>>;
  /** Ids of the calls, as the gateway's headers told them, when asked for. */
  readonly ids: readonly string[];
}

let loads = 0;

/** Runs one load process to its end. Throws when it fails as a whole; failed calls are in the result. */
export const runLoad = async (dir: string, load: LoadSettings): Promise<LoadResult> => {
  loads += 1;
  const logPath = join(dir, `load-${loads}.log`);
  const part = node(files.load, JSON.stringify(load), logPath);
  const code = await part.ended;
  const text = readFileSync(logPath, 'utf8');
  const line = text.split('\n').findLast((one) => one.startsWith('{'));
  if (code !== 0 || line === undefined) throw new Error(`the load failed: ${text.slice(-2000)}`);
  const value: unknown = JSON.parse(line);
  if (!isRecord(value)) throw new Error('the load said no object');
  const { failures, ids } = value;
  return {
    started: Number(value['started']),
    completed: Number(value['completed']),
    hungUp: Number(value['hungUp']),
    failed: Number(value['failed']),
    events: Number(value['events']),
    p50Ms: typeof value['p50Ms'] === 'number' ? value['p50Ms'] : null,
    p99Ms: typeof value['p99Ms'] === 'number' ? value['p99Ms'] : null,
    failures: isRecord(failures) ? failures : {},
    ids: Array.isArray(ids) ? ids.map(String) : [],
  };
};
