/** Every example runs as a reader of it would run it, against the simulated model and a real ledger. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ledgerReader, type LedgerReader } from '../e2e/ledger-reader.ts';
import { startClickhouse, type FakeClickhouse } from '../fakes/clickhouse.ts';
import { startGateway, type RunningGateway } from '../fakes/gateway.ts';

const folder = 'deploy/examples';
/** Of `npm run sdk`, where OpenAI's SDK for Python is. */
const sdkPython = '.sdk/python/bin/python';
const python = existsSync(sdkPython) ? sdkPython : 'python3';
const hasPythonSdk = spawnSync(python, ['-c', 'import openai']).status === 0;
const hasCurl = spawnSync('curl', ['--version']).status === 0;

let clickhouse: FakeClickhouse;
let gateway: RunningGateway;
let reader: LedgerReader;
beforeAll(async () => {
  clickhouse = await startClickhouse();
  reader = ledgerReader(clickhouse);
  gateway = await startGateway({ config: 'providers: { demo: {} }', clickhouse });
});
afterAll(async () => {
  await reader.close();
  await gateway.stop();
  await clickhouse.stop();
});

const output = async (command: string, file: string): Promise<string> => {
  const child = spawn(command, [`${folder}/${file}`], {
    env: { ...process.env, TOLLGATE_URL: gateway.url, TOLLGATE_KEY: gateway.key },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [said, wrong] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (wrong += text));
  await once(child, 'close');
  if (child.exitCode !== 0) throw new Error(`${file} ended with ${child.exitCode}: ${wrong}`);
  return said;
};

const callId = /call(?:-id:)? ([0-9a-f-]{36})/;
let rows = 0;

// oxfmt-ignore
test.for([
  ['chat.sh', 'bash', hasCurl ? '' : 'curl is not installed here (Debian package curl)'],
  ['openai.ts', process.execPath, ''],
  ['anthropic.ts', process.execPath, ''],
  ['chat.py', python, hasPythonSdk ? '' : "OpenAI's SDK for Python is not installed here; npm run sdk installs it"],
] as const)('%s says something and names a call that is in the ledger', async ([file, command, missing], { skip }) => {
  if (missing !== '') skip(missing);
  const said = await output(command, file);
  const [, id = ''] = callId.exec(said) ?? [];
  expect(said.length).toBeGreaterThan(100);
  rows += 1;
  await reader.rowsReach(rows);
  const found = await reader.query<{ outcome: string; cost_usd: string }>(
    `SELECT outcome, cost_usd FROM tollgate.calls WHERE call_id = '${id}'`,
  );
  expect(found).toMatchObject([{ outcome: 'answered' }]);
  expect(Number(found[0]?.cost_usd)).toBeGreaterThan(0);
});

const statements = readFileSync(`${folder}/ledger.sql`, 'utf8')
  .split(';')
  .map((text) => text.trim())
  .filter((text) => text !== '');

test.each(statements)('%s', async (statement) => {
  const found = await reader.query(statement);
  expect(found.length).toBeGreaterThan(0);
});
