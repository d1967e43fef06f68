/**
 * A ledger of many calls, made inside the engine: thirty days up to a given instant, 600 keys of 40 teams and 150 applications, 12 models of
 * 4 providers, 3 % of calls with several attempts, 12.6 % with none, runs of 4 calls in conversations of 20. The same every time.
 */

const dayMs = 86_400_000;
export const filledDays = 30;

/** One Decimal of pico-dollars from a whole number of them. */
const usd = (pico: string): string => `toDecimal64(${pico}, 0) * toDecimal64('0.000000000001', 12)`;

/** Hexadecimal digits of a hash: lengths as in ids. */
const hexOf = (seed: string): string => `lower(hex(MD5(${seed})))`;

/** Each attempt of a call: `tries` is how many it has. */
const perTry = (of: string): string => `arrayMap(try -> ${of}, range(tries))`;

// oxfmt-ignore
const columns: Readonly<Record<string, string>> = {
  started_at: 'at',
  call_id: `toUUID(concat(substring(ms, 1, 8), '-', substring(ms, 9, 4), '-7', substring(random, 1, 3), '-8', substring(random, 4, 3), '-', substring(random, 7, 12)))`,
  replica: `'replica-1'`,
  seq: 'number + 1',
  org: `concat('org-', toString(key % 3))`,
  caller_team: `concat('team-', toString(key % 40))`,
  caller_app: `concat('app-', toString(key % 150))`,
  caller_key_id: `concat('key-', toString(key))`,
  namespace: `concat('namespace-', toString(key % 5))`,
  environment: `if(key % 7 = 0, 'staging', 'production')`,
  cost_center: `concat('cc-', toString(key % 40 % 10))`,
  agent: `if(key % 5 < 3, concat('agent-', toString(key % 50)), '')`,
  tags: `if(key % 10 < 6, map('feature', concat('feature-', toString(session_hash % 30)), 'release', concat('r', toString(key % 4))), map())`,
  caller_user: `if(key % 4 > 0, concat('user-', toString(session_hash % 20000)), '')`,
  session_id: `substring(${hexOf(`concat('session', toString(session))`)}, 1, 20)`,
  trace_id: hexOf(`concat('trace', toString(trace))`),
  span_id: `substring(${hexOf(`concat('span', toString(number))`)}, 1, 16)`,
  operation: `'chat'`,
  dialect: `if(model_number < 7, 'openai', 'anthropic')`,
  route: 'model_name',
  model_requested: 'model_name',
  provider: `if(tries = 0, '', provider_name)`,
  model: `if(tries = 0, '', model_name)`,
  model_answered: `if(tries = 0, '', concat(model_name, '-2026-08-01'))`,
  service_tier: `if(tries > 0 AND hash % 20 = 0, 'flex', '')`,
  outcome: `multiIf(tries = 0, ['throttled', 'refused'][1 + hash % 2], failed, 'exhausted', 'answered')`,
  error_code: `if(failed, 'provider_overloaded', '')`,
  finish_reason: `if(tries = 0 OR failed, '', if(hash % 50 = 0, 'length', 'stop'))`,
  waste_reason: `multiIf(failed, 'failed', tries > 1, 'retry', '')`,
  price_version: `'0123456789abcdef'`,
  stream: 'hash % 2 = 0',
  http_status: `multiIf(tries = 0, 429, failed, 502, 200)`,
  duration_ms: 'if(tries = 0, 1, toUInt32(300 + tries * 1500 * (model_number + 1) * pow((hash % 1000 + 1) / 1000, 3)))',
  first_token_ms: 'if(tries = 0, NULL, toUInt32(200 + hash % 900))',
  provider_ms: 'if(tries = 0, 0, toUInt32(250 + hash % 4000))',
  overhead_us: '300 + hash % 700',
  chunks: 'if(tries = 0, 0, 1 + hash % 200)',
  input_uncached: 'toInt32(tries * input)',
  input_cache_read: 'toInt32(tries * cached)',
  output_text: 'toInt32(tries * output)',
  waste_input_tokens: 'toInt32(wasted_tries * (input + cached))',
  waste_output_tokens: 'toInt32(wasted_tries * output)',
  usage_source: `multiIf(tries = 0, 'none', failed, 'estimated', 'provider')`,
  price_status: `if(tries = 0, 'none', 'priced')`,
  cost_usd: usd('tries * (input_cost + cached_cost + output_cost)'),
  prompt_cache_saved_usd: usd('tries * cached * input_price * 9 / 10'),
  discount_usd: usd('0'),
  waste_usd: usd('wasted_tries * (input_cost + cached_cost + output_cost)'),
  'attempts.kind': perTry(`'model'`),
  'attempts.provider': perTry(`if(try + 1 < tries AND hash % 2 = 0, 'openai', provider_name)`),
  'attempts.account': perTry(`concat(provider_name, '-', toString(key % 2))`),
  'attempts.model': perTry('model_name'),
  'attempts.status': perTry('if(try + 1 = tries AND NOT failed, 200, 503)'),
  'attempts.error': perTry(`if(try + 1 = tries AND NOT failed, '', 'overloaded')`),
  'attempts.duration_ms': perTry('toUInt32(250 + hash % 4000)'),
  'attempts.input_uncached': perTry('toInt32(input)'),
  'attempts.input_cache_read': perTry('toInt32(cached)'),
  'attempts.output_text': perTry('toInt32(output)'),
  'attempts.usage_source': perTry(`if(failed, 'estimated', 'provider')`),
  'attempts.cost_usd': perTry(usd('input_cost + cached_cost + output_cost')),
  'attempts.cost_input_uncached': perTry(usd('input_cost')),
  'attempts.cost_input_cache_read': perTry(usd('cached_cost')),
  'attempts.cost_output_text': perTry(usd('output_cost')),
  'attempts.waste_reason': perTry(`multiIf(try + 1 < tries, 'retry', failed, 'failed', '')`),
  'attempts.price_id': perTry(`concat(provider_name, '/', model_name)`),
  'attempts.price_status': perTry(`'priced'`),
  upstream_ids: perTry(`concat('chatcmpl-', ${hexOf(`concat('up', toString(number), toString(try))`)})`),
};

// oxfmt-ignore
const names = {
  models: `['gpt-5', 'gpt-5-mini', 'gpt-4.1', 'gpt-4.1-mini', 'o3', 'gpt-4o', 'gpt-4o-mini', 'claude-opus-5', 'claude-sonnet-5', 'claude-haiku-5', 'mistral-large', 'deepseek-v4']`,
  providers: `['openai', 'openai', 'openai', 'openai', 'openai', 'azure', 'openai', 'anthropic', 'anthropic', 'anthropic', 'mistral', 'mistral']`,
};

export interface Fill {
  /** How many calls the whole ledger has. */
  readonly calls: number;
  /** When the last one began. */
  readonly endMs: number;
}

/** The insert of the calls numbered from `from` up to, not including, `to`. */
export const fillQuery = ({ calls, endMs }: Fill, from: number, to: number): string => {
  const startMs = endMs - filledDays * dayMs;
  const list = Object.keys(columns)
    .map((column) => `\`${column}\``)
    .join(', ');
  return `INSERT INTO tollgate.calls (${list})
WITH
  fromUnixTimestamp64Milli(toInt64(${startMs} + intDiv(number * ${filledDays * dayMs}, ${calls})), 'UTC') AS at,
  lower(hex(toUnixTimestamp64Milli(at))) AS ms,
  intDiv(number, 20000) * 1000 + number % 1000 AS session,
  session * 5 + intDiv(number % 20000, 4000) AS trace,
  cityHash64(session) AS session_hash,
  cityHash64(number) AS hash,
  lower(hex(MD5(toString(number)))) AS random,
  toUInt32(600 * pow((session_hash % 100000) / 100000, 2.5)) AS key,
  toUInt32(12 * pow((intDiv(hash, 1000) % 1000) / 1000, 2)) AS model_number,
  ${names.models}[model_number + 1] AS model_name,
  ${names.providers}[model_number + 1] AS provider_name,
  multiIf(hash % 1000 < 126, 0, hash % 1000 < 151, 2, hash % 1000 < 156, 3, 1) AS tries,
  tries > 0 AND intDiv(hash, 7) % 100 = 0 AS failed,
  if(failed, tries, if(tries > 1, tries - 1, 0)) AS wasted_tries,
  intDiv(hash, 11) % 4000 + 100 AS input,
  if(hash % 3 = 0, intDiv(hash, 13) % 3000, 0) AS cached,
  intDiv(hash, 17) % 900 + 20 AS output,
  (model_number + 1) * 250000 AS input_price,
  input * input_price AS input_cost,
  intDiv(cached * input_price, 10) AS cached_cost,
  output * input_price * 4 AS output_cost
SELECT ${Object.values(columns).join(',\n  ')}
FROM numbers(${from}, ${to - from})`;
};
