/** How commands ask the control plane of a gateway. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { processVariables, readEnvironment } from '../../edge/config/environment.ts';
import { isObject, listAt, parseObject, textAt, type JsonObject } from '../../model/json.ts';

/** Options of every command that asks it. */
export const whereArgs = {
  url: {
    type: 'string',
    description: 'Of the gateway. Default: http://127.0.0.1 and TOLLGATE_PORT, else 8080',
  },
  json: { type: 'boolean', description: 'Print JSON' },
} as const;

const answerWithinMs = 10_000;

/** The environment's, else that of `npm start`, which its data directory holds. @throws Error when there is none */
const masterKey = (): string => {
  const env = processVariables();
  const said = env['TOLLGATE_MASTER_KEY'] ?? '';
  if (said !== '') return said;
  const read = readEnvironment(env, process.cwd());
  if (read.kind === 'bad') throw new Error(read.problems.join('; '));
  const path = join(read.environment.dataDir, 'keys', 'master.key');
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    throw new Error(
      `there is no administrator's key: TOLLGATE_MASTER_KEY is not set, and ${path} is not there`,
    );
  }
};

const addressOf = (url: string | undefined): string =>
  url ?? `http://127.0.0.1:${processVariables()['TOLLGATE_PORT'] ?? '8080'}`;

const wordsOf = (status: number, body: JsonObject | null): string => {
  const error = body === null ? null : body['error'];
  const message = isObject(error) ? textAt(error, 'message') : null;
  return message ?? `the gateway answered ${status}`;
};

/**
 * One request with the administrator's key.
 * @throws Error in words for whoever called the command
 */
export const ask = async (
  url: string | undefined,
  [method, path]: readonly [method: 'GET' | 'POST' | 'PATCH' | 'DELETE', path: string],
  body?: JsonObject,
): Promise<JsonObject> => {
  const key = masterKey();
  const reply = await fetch(new URL(path, addressOf(url)), {
    method,
    headers: {
      authorization: `Bearer ${key}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(answerWithinMs),
    redirect: 'error',
  }).catch((error: unknown) => {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    throw new Error(`${addressOf(url)} does not answer: ${String(cause)}`, { cause: error });
  });
  const answer = parseObject(await reply.text());
  if (!reply.ok) throw new Error(wordsOf(reply.status, answer));
  return answer ?? {};
};

/** All pages of a list. @throws as `ask` */
export const askAll = async (
  url: string | undefined,
  path: string,
): Promise<readonly JsonObject[]> => {
  const all: JsonObject[] = [];
  for (let after = ''; ;) {
    const page = await ask(url, ['GET', `${path}?limit=1000&after=${encodeURIComponent(after)}`]);
    all.push(...listAt(page, 'data').filter(isObject));
    const next = textAt(page, 'next');
    if (page['has_more'] !== true || next === null) return all;
    after = next;
  }
};

/** A value as a table shows it. */
const cell = (value: JsonObject[string]): string => {
  if (value === undefined || value === null) return '';
  if (Array.isArray(value)) return value.map(cell).join(',');
  return typeof value === 'object'
    ? Object.entries(value)
        .map(([name, one]) => `${name}=${cell(one)}`)
        .join(' ')
    : String(value);
};

/** Lines of a table: a heading, and these fields of each. */
export const tableOf = (rows: readonly JsonObject[], fields: readonly string[]): string => {
  const lines = [
    fields.map((field) => field.toUpperCase()),
    ...rows.map((row) => fields.map((field) => cell(row[field]))),
  ];
  const widths = fields.map((_, i) => Math.max(...lines.map((line) => line[i]?.length ?? 0)));
  return lines
    .map((line) =>
      line
        .map((text, i) => text.padEnd(widths[i] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
};
