/** `tollgate budgets ...`: what may be spent, by way of the gateway's control plane. */
import { textAt, type JsonObject } from '../../model/json.ts';
import { command } from '../command.ts';
import { fail, misuse, reasonOf, say } from '../say.ts';
import { ask, tableOf, whereArgs } from './ask.ts';
import { listing } from './listing.ts';

const shownFields = [
  'id',
  'scope',
  'unit',
  'limit',
  'window',
  'mode',
  'used',
  'reserved',
  'remaining',
  'resetsAt',
  'source',
];

export const listBudgets = listing('/v1/budgets', shownFields, 'list budgets');

/** `team=search,user=*`; null: it is none. A tag has a second equals sign: `tag=feature=search`. */
const scopeOf = (text: string): JsonObject | null => {
  const parts = text.split(',').map((part) => /^\s*([A-Za-z]+)=(.+?)\s*$/.exec(part));
  if (text === '') return {};
  return parts.some((part) => part === null)
    ? null
    : Object.fromEntries(parts.map((part) => [part?.[1] ?? '', part?.[2] ?? '']));
};

export const createBudget = command({
  args: {
    id: { type: 'string', description: 'Names it; left out: a name is made' },
    scope: { type: 'string', description: 'Whose calls: team=search,user=*; left out: every call' },
    unit: { type: 'string', required: true, description: 'usd, tokens, requests or parallel' },
    limit: { type: 'string', required: true, description: 'How much' },
    window: { type: 'string', description: 'hour, day, week, month, rolling, session or trace' },
    length: { type: 'string', description: 'Of a rolling window: 60s' },
    'time-zone': { type: 'string', description: 'Whose calendar counts: Europe/Berlin' },
    soft: { type: 'boolean', description: 'Refuse nothing, only tell' },
    ...whereArgs,
  },
  run: async ({ args }) => {
    const { url, json, id, unit, limit, window, length, soft } = args;
    const scope = scopeOf(args.scope ?? '');
    if (scope === null) return misuse('--scope must be such as team=search,user=*');
    const said = { id, window, length, timeZone: args['time-zone'] };
    const body: JsonObject = {
      unit,
      limit,
      scope,
      mode: soft === true ? 'soft' : 'hard',
      ...Object.fromEntries(Object.entries(said).filter(([, text]) => text !== undefined)),
    };
    try {
      const budget = await ask(url, ['POST', '/v1/budgets'], body);
      say(json === true ? JSON.stringify(budget) : (textAt(budget, 'id') ?? ''));
    } catch (error) {
      fail(`cannot make the budget: ${reasonOf(error)}`, json === true);
    }
  },
});

export const changeBudget = command({
  args: {
    id: { type: 'positional', required: true, description: 'Of the budget' },
    limit: {
      type: 'string',
      required: true,
      description: 'How much from now on; what was used stays',
    },
    ...whereArgs,
  },
  run: async ({ args: { id, limit, url, json } }) => {
    try {
      const budget = await ask(url, ['PATCH', `/v1/budgets/${encodeURIComponent(id)}`], { limit });
      say(json === true ? JSON.stringify(budget) : tableOf([budget], shownFields));
    } catch (error) {
      fail(`cannot change ${id}: ${reasonOf(error)}`, json === true);
    }
  },
});

export const deleteBudget = command({
  args: { id: { type: 'positional', required: true, description: 'Of the budget' }, ...whereArgs },
  run: async ({ args: { id, url, json } }) => {
    try {
      await ask(url, ['DELETE', `/v1/budgets/${encodeURIComponent(id)}`]);
      say(json === true ? JSON.stringify({ ok: true, id }) : `${id} holds for nobody any more`);
    } catch (error) {
      fail(`cannot delete ${id}: ${reasonOf(error)}`, json === true);
    }
  },
});
