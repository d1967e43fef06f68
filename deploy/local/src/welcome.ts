/** What `npm start` prints when every part is ready: addresses, keys, and two commands to try. */
import path from 'node:path';
import { readerName } from './clickhouse/users.ts';
import { keyFile } from './keys.ts';
import type { Key, KeyName } from './keys.ts';
import { callable } from './parts.ts';
import type { Settings } from './settings.ts';

export interface ShownKeys {
  readonly master: Key;
  readonly demo: Key;
  readonly reader: Key;
  readonly caller: Key | null;
}

/** The reader's password as a shell reads it inside double quotes. */
const readerPassword = ({ text, source }: Key, place: string): string => {
  switch (source) {
    case 'made':
      return text;
    case 'kept':
      return `$(cat '${keyFile('reader', place)}')`;
    case 'given':
      return '$TOLLGATE_READER_PASSWORD';
  }
};

export const welcome = (
  settings: Settings,
  { master, demo, caller, reader }: ShownKeys,
): string => {
  const { host, ports, dataDir } = settings;
  const at = (port: number) => `${callable(host)}:${port}`;
  const shown = path.relative(process.cwd(), dataDir);
  const place = shown === '' || shown.startsWith('..') ? dataDir : shown;
  const once = (label: string, name: KeyName, { text, source }: Key) =>
    source === 'made' ? `${label}${text}   (shown once; kept in ${keyFile(name, place)})\n` : '';
  const question = '{"model":"demo","messages":[{"role":"user","content":"Hello, Tollgate!"}]}';
  const sql =
    'SELECT started_at, caller_team, model, outcome, duration_ms, cost_usd FROM tollgate.calls ORDER BY started_at DESC LIMIT 5 FORMAT PrettyCompact';
  return `
gateway        http://${at(ports.gateway)}      API, /metrics, /health/ready
ClickHouse     http://${at(ports.clickhouse)}      user ${readerName} may read
trace-router   grpc://${at(ports.otlpGrpc)} and http://${at(ports.otlpHttp)} (OTLP); http://${at(ports.routerAdmin)} (metrics, health)
data           ${place}
demo key     ${demo.text}   (for the model demo)
${caller === null ? '' : once('caller key   ', 'caller', caller)}${once('master key   ', 'master', master)}${once('reader       ', 'reader', reader)}
A first call:
  curl http://${at(ports.gateway)}/v1/chat/completions -H 'authorization: Bearer ${demo.text}' \\
    -H 'content-type: application/json' -d '${question}'
What it cost, a few seconds later:
  curl http://${at(ports.clickhouse)} -u "${readerName}:${readerPassword(reader, place)}" -d '${sql}'

ready
`;
};
