/** `tollgate keys ...`: keys of callers, by way of the gateway's control plane. */
import { textAt, type JsonObject } from '../../model/json.ts';
import { command } from '../command.ts';
import { fail, misuse, reasonOf, say } from '../say.ts';
import { ask, whereArgs } from './ask.ts';
import { listing } from './listing.ts';

const shownFields = [
  'id',
  'name',
  'team',
  'application',
  'models',
  'limits',
  'expiresAt',
  'source',
];

const count = (text: string | undefined): number | null => {
  if (text === undefined) return null;
  const value = Number(text);
  return Number.isInteger(value) && value > 0 ? value : NaN;
};

export const listKeys = listing('/v1/keys', shownFields, 'list keys');

const limitArgs = {
  'requests-per-minute': { type: 'string', description: 'Calls in any minute' },
  'tokens-per-minute': { type: 'string', description: 'Tokens in any minute' },
  'parallel-calls': { type: 'string', description: 'Calls at once' },
} as const;

const limitsOf = (
  given: Readonly<Record<keyof typeof limitArgs, string | undefined>>,
): JsonObject | null => {
  const limits = {
    requestsPerMinute: count(given['requests-per-minute']),
    tokensPerMinute: count(given['tokens-per-minute']),
    parallelCalls: count(given['parallel-calls']),
  };
  if (Object.values(limits).some(Number.isNaN)) return null;
  return Object.fromEntries(Object.entries(limits).filter(([, limit]) => limit !== null));
};

export const createKey = command({
  args: {
    name: { type: 'string', required: true, description: 'For people' },
    organization: { type: 'string', description: 'Whom its calls are charged to' },
    team: { type: 'string', description: 'The team that owns the calls' },
    application: { type: 'string', description: 'The application that makes them' },
    models: { type: 'string', description: 'Names or patterns, with commas; left out: all' },
    'expires-at': { type: 'string', description: 'A time such as 2027-01-31T00:00:00Z' },
    ...limitArgs,
    ...whereArgs,
  },
  run: async ({ args }) => {
    const { url, json, name, organization, team, application, models } = args;
    const limits = limitsOf(args);
    if (limits === null) return misuse('limits must be whole numbers of at least 1');
    const said = { organization, team, application, expiresAt: args['expires-at'] };
    const body: JsonObject = {
      name,
      ...Object.fromEntries(Object.entries(said).filter(([, text]) => text !== undefined)),
      ...(models === undefined ? {} : { models: models.split(',').map((one) => one.trim()) }),
      ...(Object.keys(limits).length === 0 ? {} : { limits }),
    };
    try {
      const key = await ask(url, ['POST', '/v1/keys'], body);
      say(
        json === true
          ? JSON.stringify(key)
          : `${textAt(key, 'id') ?? ''}\n${textAt(key, 'key') ?? ''}\nThe second line is its secret, which is not shown again.`,
      );
    } catch (error) {
      fail(`cannot make the key: ${reasonOf(error)}`, json === true);
    }
  },
});

export const rotateKey = command({
  args: {
    id: { type: 'positional', required: true, description: 'Of the key' },
    'grace-seconds': {
      type: 'string',
      description: 'How long the secret before it still holds; default 0',
    },
    ...whereArgs,
  },
  run: async ({ args: { id, url, json, ...given } }) => {
    const graceSeconds = Number(given['grace-seconds'] ?? '0');
    if (!Number.isInteger(graceSeconds) || graceSeconds < 0)
      return misuse('--grace-seconds must be a whole number');
    try {
      const key = await ask(url, ['POST', `/v1/keys/${encodeURIComponent(id)}/rotate`], {
        graceSeconds,
      });
      say(json === true ? JSON.stringify(key) : (textAt(key, 'key') ?? ''));
    } catch (error) {
      fail(`cannot rotate ${id}: ${reasonOf(error)}`, json === true);
    }
  },
});

export const revokeKey = command({
  args: { id: { type: 'positional', required: true, description: 'Of the key' }, ...whereArgs },
  run: async ({ args: { id, url, json } }) => {
    try {
      await ask(url, ['DELETE', `/v1/keys/${encodeURIComponent(id)}`]);
      say(json === true ? JSON.stringify({ ok: true, id }) : `${id} is no key any more`);
    } catch (error) {
      fail(`cannot revoke ${id}: ${reasonOf(error)}`, json === true);
    }
  },
});
