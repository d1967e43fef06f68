import type { IncomingHttpHeaders } from 'node:http';
import { matches, usableModels } from '../../decide/plan.ts';
import type { Caller, DialectName } from '../../model/call.ts';
import type { JsonObject } from '../../model/json.ts';
import type { Runtime } from '../runtime.ts';
import { header } from '../../model/headers.ts';

/** Models have no date of their own here; the field is required by both dialects. */
const createdSeconds = 0;

/** Anthropic's SDK says which API it speaks in every request; OpenAI's says nothing. */
export const dialectOfModels = (headers: IncomingHttpHeaders): DialectName =>
  header(headers, 'anthropic-version') === undefined ? 'openai' : 'anthropic';

const shown = (id: string, owner: string, dialect: DialectName): JsonObject =>
  dialect === 'openai'
    ? { id, object: 'model', created: createdSeconds, owned_by: owner }
    : { type: 'model', id, display_name: id, created_at: new Date(createdSeconds).toISOString() };

const owner = (runtime: Runtime, name: string): string =>
  runtime.config.models.find((model) => model.name === name)?.targets[0]?.provider ?? 'tollgate';

/** The models that this caller may name, in the shape of the dialect. Patterns are shown as they are written. */
export const modelList = (runtime: Runtime, caller: Caller, dialect: DialectName): JsonObject => {
  const names = usableModels(caller, runtime.config.models);
  const data = names.map((name) => shown(name, owner(runtime, name), dialect));
  return dialect === 'openai'
    ? { object: 'list', data }
    : { data, has_more: false, first_id: names[0] ?? null, last_id: names.at(-1) ?? null };
};

/** One model of a caller; null: it may not use it, or there is none. */
export const modelNamed = (
  runtime: Runtime,
  caller: Caller,
  name: string,
  dialect: DialectName,
): JsonObject | null => {
  const route = usableModels(caller, runtime.config.models).find((known) => matches(known, name));
  return route === undefined ? null : shown(name, owner(runtime, route), dialect);
};
