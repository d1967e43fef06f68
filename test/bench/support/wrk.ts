/** Load of whole replies by wrk, https://github.com/wg/wrk; every status is looked at. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findProgram, startPart } from './processes.ts';
import { chatBody, isRecord, type Provider } from './wire.ts';

export interface WrkResult {
  readonly responses: number;
  /** Statuses of 400 and more, and broken or silent connections. */
  readonly errors: number;
  readonly seconds: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

const script = (provider: Provider, key: string): string => `wrk.method = "POST"
wrk.body = [[${chatBody(provider, false)}]]
wrk.headers["content-type"] = "application/json"
wrk.headers["authorization"] = "Bearer ${key}"
done = function(summary, latency, requests)
  local e = summary.errors
  io.write(string.format('\\n{"responses":%d,"us":%d,"errors":%d,"p50":%f,"p99":%f}\\n', summary.requests,
    summary.duration, e.connect + e.read + e.write + e.status + e.timeout, latency:percentile(50), latency:percentile(99)))
end
`;

/** True when wrk is installed here. */
export const hasWrk = findProgram('wrk') !== null;

let runs = 0;

/** Posts the chat body over keep-alive connections for some whole seconds. Throws when wrk itself fails. */
export const runWrk = async (options: {
  readonly dir: string;
  readonly port: number;
  readonly provider: Provider;
  readonly key: string;
  readonly connections: number;
  readonly seconds: number;
  readonly cores: readonly number[];
}): Promise<WrkResult> => {
  const command = findProgram('wrk');
  if (command === null) throw new Error('wrk is not installed');
  runs += 1;
  const [scriptPath, logPath] = [
    join(options.dir, `chat-${runs}.lua`),
    join(options.dir, `wrk-${runs}.log`),
  ];
  writeFileSync(scriptPath, script(options.provider, options.key));
  const part = startPart({
    command,
    args: ['-t', '1', '-c', String(options.connections), '-d', `${options.seconds}s`].concat(
      ['--timeout', '10s', '-s', scriptPath],
      `http://127.0.0.1:${options.port}/v1/chat/completions`,
    ),
    core: null,
    cores: options.cores,
    logPath,
  });
  const code = await part.ended;
  const text = readFileSync(logPath, 'utf8');
  const line = text.split('\n').findLast((one) => one.startsWith('{'));
  const value: unknown = line === undefined ? null : JSON.parse(line);
  if (code !== 0 || !isRecord(value)) throw new Error(`wrk failed: ${text.slice(-2000)}`);
  return {
    responses: Number(value['responses']),
    errors: Number(value['errors']),
    seconds: Number(value['us']) / 1e6,
    p50Ms: Number(value['p50']) / 1000,
    p99Ms: Number(value['p99']) / 1000,
  };
};
