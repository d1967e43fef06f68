/**
 * What the official SDKs must show through the gateway: the one table of `npm run sdk`. A row is asked by every SDK of
 * every language, directly and through the gateway; both must show the same unless the row says why not.
 */
import type { Script } from '../fakes/faults.ts';

export type Sdk = 'openai' | 'anthropic';
export type Language = 'python' | 'node' | 'go';
export const sdks: readonly Sdk[] = ['openai', 'anthropic'];

/** The clocks of the gateway under test, in milliseconds, and replies that are later than one of them. */
export const clocks = { firstByteMs: 2_000, totalMs: 8_000 };
const thinksLongMs = 3_000;
/** Later than any clock; no longer, because a fake waits for it. */
const neverMs = 2 * clocks.totalMs;

/** One thing that a client does. */
export interface Ask {
  readonly script: Script;
  readonly stream?: true;
  /** With the SDK's own retries, of which all have two; else without. */
  readonly patient?: true;
  /** With a key that the gateway does not know, or a model. */
  readonly stranger?: 'key' | 'model';
}

/** What a client shows: `'text'`, or an error's class and status (0: it has none); then whose id of the request it knows. */
export type Shown = Readonly<Record<Language, string>>;

export interface Scenario {
  readonly name: string;
  readonly ask: Ask;
  readonly shown: Readonly<Record<Sdk, Shown>>;
  /** Requests that reach the provider for it, through the gateway and directly; null: not asked directly. */
  readonly requests: { readonly through: number; readonly direct: number | null };
  /** Rows of the ledger: outcomes, and of what was answered whether all tokens are in it and none is waste. */
  readonly rows: string;
  /** Why the client sees something else directly; empty: it does not. */
  readonly why: string;
}

const same = (shown: string): Shown => ({ python: shown, node: shown, go: shown });
const hello = "'hello', provider's id";
const answered = 'answered, all tokens';
const account = "about the gateway's own account, which is not the caller's: in our words";

interface StatusRow {
  /** What the provider answers, and what the client sees. */
  readonly told: number;
  readonly seen: number;
  /** Classes of Python and Node. Go's SDKs have one class for all. */
  readonly openai: readonly [string, string];
  readonly anthropic: readonly [string, string];
  /** Requests of one call at the provider: the gateway tries twice what may help and is not billed. */
  readonly requests: 1 | 2;
  readonly rows: 'refused' | 'exhausted';
  readonly why: string;
}

// oxfmt-ignore
const statuses: readonly StatusRow[] = [
  { told: 400, seen: 400, openai: ['BadRequestError', 'BadRequestError'],                   anthropic: ['BadRequestError', 'BadRequestError'],                   requests: 1, rows: 'refused',   why: '' },
  { told: 401, seen: 502, openai: ['InternalServerError', 'InternalServerError'],           anthropic: ['InternalServerError', 'InternalServerError'],           requests: 1, rows: 'exhausted', why: account },
  { told: 402, seen: 502, openai: ['InternalServerError', 'InternalServerError'],           anthropic: ['InternalServerError', 'InternalServerError'],           requests: 1, rows: 'exhausted', why: account },
  { told: 403, seen: 502, openai: ['InternalServerError', 'InternalServerError'],           anthropic: ['InternalServerError', 'InternalServerError'],           requests: 1, rows: 'exhausted', why: account },
  { told: 404, seen: 404, openai: ['NotFoundError', 'NotFoundError'],                       anthropic: ['NotFoundError', 'NotFoundError'],                       requests: 1, rows: 'refused',   why: '' },
  { told: 408, seen: 408, openai: ['APIStatusError', 'APIError'],                           anthropic: ['RequestTimeoutError', 'RequestTimeoutError'],           requests: 2, rows: 'exhausted', why: '' },
  { told: 409, seen: 409, openai: ['ConflictError', 'ConflictError'],                       anthropic: ['ConflictError', 'ConflictError'],                       requests: 2, rows: 'exhausted', why: '' },
  { told: 413, seen: 413, openai: ['APIStatusError', 'APIError'],                           anthropic: ['ContentTooLargeError', 'ContentTooLargeError'],         requests: 1, rows: 'refused',   why: '' },
  { told: 422, seen: 422, openai: ['UnprocessableEntityError', 'UnprocessableEntityError'], anthropic: ['UnprocessableEntityError', 'UnprocessableEntityError'], requests: 1, rows: 'refused',   why: '' },
  { told: 425, seen: 425, openai: ['APIStatusError', 'APIError'],                           anthropic: ['APIStatusError', 'APIError'],                           requests: 2, rows: 'exhausted', why: '' },
  { told: 429, seen: 429, openai: ['RateLimitError', 'RateLimitError'],                     anthropic: ['RateLimitError', 'RateLimitError'],                     requests: 2, rows: 'exhausted', why: '' },
  { told: 498, seen: 498, openai: ['APIStatusError', 'APIError'],                           anthropic: ['APIStatusError', 'APIError'],                           requests: 2, rows: 'exhausted', why: '' },
  { told: 500, seen: 500, openai: ['InternalServerError', 'InternalServerError'],           anthropic: ['InternalServerError', 'InternalServerError'],           requests: 2, rows: 'exhausted', why: '' },
  { told: 502, seen: 502, openai: ['InternalServerError', 'InternalServerError'],           anthropic: ['InternalServerError', 'InternalServerError'],           requests: 2, rows: 'exhausted', why: '' },
  { told: 503, seen: 503, openai: ['InternalServerError', 'InternalServerError'],           anthropic: ['ServiceUnavailableError', 'ServiceUnavailableError'],   requests: 2, rows: 'exhausted', why: '' },
  { told: 504, seen: 504, openai: ['InternalServerError', 'InternalServerError'],           anthropic: ['GatewayTimeoutError', 'GatewayTimeoutError'],           requests: 1, rows: 'exhausted', why: '' },
  { told: 529, seen: 529, openai: ['InternalServerError', 'InternalServerError'],           anthropic: ['OverloadedError', 'OverloadedError'],                   requests: 2, rows: 'exhausted', why: '' },
];

const classes = ([python, node]: readonly [string, string], rest: string): Shown => ({
  python: `${python} ${rest}`,
  node: `${node} ${rest}`,
  go: `Error ${rest}`,
});

/** The id goes with the words: it leads to who wrote them. */
const restOf = ({ seen, why }: StatusRow): string =>
  `${seen}, ${why === account ? "gateway's id" : "provider's id"}`;

const ofStatus = (row: StatusRow): Scenario => ({
  name: String(row.told),
  ask: { script: { fault: { status: row.told } } },
  shown: {
    openai: classes(row.openai, restOf(row)),
    anthropic: classes(row.anthropic, restOf(row)),
  },
  requests: { through: row.requests, direct: 1 },
  rows: row.rows,
  why: row.why,
});

/** The same class in all languages that have classes, for both SDKs. */
const alike = (name: string, rest: string): Scenario['shown'] => {
  const shown = classes([name, name], rest);
  return { openai: shown, anthropic: shown };
};
const both = (shown: string): Scenario['shown'] => ({
  openai: same(shown),
  anthropic: same(shown),
});

/** The whole answer, asked for once, whichever way it comes. */
const answers = (name: string, ask: Scenario['ask']): Scenario => ({
  name,
  ask,
  shown: both(hello),
  requests: { through: 1, direct: 1 },
  rows: answered,
  why: '',
});

const replies: readonly Scenario[] = [
  answers('reply', { script: { say: 'hello' } }),
  answers('reply after firstByte', { script: { say: 'hello', fault: { delayMs: thinksLongMs } } }),
  // The end of the body comes 50 ms after the last event: who leaves at that event leaves before it.
  answers('stream', { script: { say: 'hello', fault: { gapMs: 50 } }, stream: true }),
  // Without `[DONE]` or `message_stop`, as of vendors that leave it out: all is said, and the body ends in order.
  answers('stream without its end', {
    script: { say: 'hello', fault: { withoutLastEvent: true } },
    stream: true,
  }),
  {
    name: 'error in a stream',
    ask: { script: { say: 'one two three', fault: { errorAfterEvents: 4 } }, stream: true },
    shown: {
      openai: {
        python: 'APIError 0, no id',
        node: "APIError 0, provider's id",
        go: '*ssestream.StreamError 0, no id',
      },
      anthropic: {
        python: "APIStatusError 200, provider's id",
        node: "APIError 0, provider's id",
        go: "Error 200, provider's id",
      },
    },
    requests: { through: 1, direct: 1 },
    rows: 'broken',
    why: '',
  },
];

const retries: readonly Scenario[] = [
  {
    name: 'retries of 500',
    ask: { script: { fault: { status: 500 } }, patient: true },
    shown: alike('InternalServerError', "500, provider's id"),
    requests: { through: 2, direct: 3 },
    rows: 'exhausted',
    why: '',
  },
  {
    name: 'retries of 429',
    ask: { script: { fault: { status: 429 } }, patient: true },
    shown: alike('RateLimitError', "429, provider's id"),
    requests: { through: 2, direct: 3 },
    rows: 'exhausted',
    why: '',
  },
  {
    // The provider asks for a pause longer than the gateway's: its client waits, as it would directly.
    name: 'retries after a pause',
    ask: { script: { fault: { status: 503, retryAfter: '1' } }, patient: true },
    shown: {
      openai: classes(['InternalServerError', 'InternalServerError'], "503, provider's id"),
      anthropic: classes(
        ['ServiceUnavailableError', 'ServiceUnavailableError'],
        "503, provider's id",
      ),
    },
    requests: { through: 3, direct: 3 },
    rows: 'exhausted + exhausted + exhausted',
    why: '',
  },
  {
    // A model may still have worked on it.
    name: 'no retry of 504',
    ask: { script: { fault: { status: 504 } }, patient: true },
    shown: {
      openai: classes(['InternalServerError', 'InternalServerError'], "504, provider's id"),
      anthropic: classes(['GatewayTimeoutError', 'GatewayTimeoutError'], "504, provider's id"),
    },
    requests: { through: 1, direct: 3 },
    rows: 'exhausted',
    why: '',
  },
  {
    name: 'no retry after total',
    ask: { script: { fault: { delayMs: neverMs } }, patient: true },
    shown: {
      openai: classes(['InternalServerError', 'InternalServerError'], "504, gateway's id"),
      anthropic: classes(['GatewayTimeoutError', 'GatewayTimeoutError'], "504, gateway's id"),
    },
    requests: { through: 1, direct: null },
    rows: 'exhausted',
    why: '',
  },
];

const ours: readonly Scenario[] = [
  {
    name: 'unknown key',
    ask: { script: {}, stranger: 'key' },
    shown: alike('AuthenticationError', "401, gateway's id"),
    requests: { through: 0, direct: null },
    rows: 'unidentified',
    why: '',
  },
  {
    name: 'unknown model',
    ask: { script: {}, stranger: 'model' },
    shown: alike('NotFoundError', "404, gateway's id"),
    requests: { through: 0, direct: null },
    rows: 'refused',
    why: '',
  },
];

export const scenarios: readonly Scenario[] = [
  ...statuses.map(ofStatus),
  ...replies,
  ...retries,
  ...ours,
];
