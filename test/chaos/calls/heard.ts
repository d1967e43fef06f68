/** What a client makes of the bytes that it has of a reply. */
import type { ClientEnd, Sides } from './evidence.ts';

type Dialect = 'openai' | 'anthropic';

/** What a client has when no more comes. */
export interface Heard {
  readonly dialect: Dialect;
  readonly stream: boolean;
  /** 0: no head came. */
  readonly status: number;
  /** Of the head; null: it told none. */
  readonly lengthBytes: number | null;
  readonly bodyBytes: number;
  readonly text: string;
  /** Why no more comes: the reply ended, the client left, the connection broke. */
  readonly by: 'end' | 'client' | 'break';
}

const lastEvent: Readonly<Record<Dialect, RegExp>> = {
  openai: /^data: \[DONE\]\n\n/m,
  anthropic: /^event: message_stop\n.*\n\n/m,
};
const errorEvent: Readonly<Record<Dialect, RegExp>> = {
  openai: /^data: \{"error".*\n\n/m,
  anthropic: /^event: error\n.*\n\n/m,
};

/** Who has all of a reply has it, however the connection ended then. */
export const endOf = (heard: Heard): ClientEnd => {
  const { dialect, stream, status, lengthBytes, bodyBytes, by } = heard;
  // The end of a body ends its last event, for readers that go by lines, as the vendors' own do.
  const text = by === 'end' ? `${heard.text}\n\n` : heard.text;
  const isStream = stream && status === 200;
  if (isStream && lastEvent[dialect].test(text)) return 'whole';
  if (isStream && errorEvent[dialect].test(text)) return 'break';
  if (!isStream && lengthBytes !== null && bodyBytes === lengthBytes && status !== 0)
    return status === 200 ? 'whole' : 'error';
  switch (by) {
    case 'client':
      return 'hung_up';
    case 'break':
      return 'lost';
    case 'end':
      return status === 0 ? 'lost' : 'unended';
  }
};

type Body = Readonly<Record<string, unknown>>;
const isBody = (value: unknown): value is Body => typeof value === 'object' && value !== null;
const parsed = (text: string): Body | null => {
  try {
    const value: unknown = JSON.parse(text);
    return isBody(value) ? value : null;
  } catch {
    return null;
  }
};
const usageIn = (body: Body | null): Body | null => {
  const usage = body?.['usage'];
  return isBody(usage) ? usage : null;
};
const count = (usage: Body, key: string): number => Number(usage[key] ?? 0);

const sidesOf = (dialect: Dialect, usage: Body): Sides =>
  dialect === 'openai'
    ? { input: count(usage, 'prompt_tokens'), output: count(usage, 'completion_tokens') }
    : {
        input:
          count(usage, 'input_tokens') +
          count(usage, 'cache_read_input_tokens') +
          count(usage, 'cache_creation_input_tokens'),
        output: count(usage, 'output_tokens'),
      };

/** The bodies of whole events that hold a usage. */
const usageEvents = (text: string): readonly Body[] =>
  text
    .slice(0, text.lastIndexOf('\n\n') + 1)
    .split('\n')
    .filter((line) => line.startsWith('data: ') && line.includes('"usage"'))
    .map((line) => parsed(line.slice(6)))
    .filter((body) => body !== null);

const codeIn = (body: Body | null): string => {
  const error = body?.['error'];
  const code = isBody(error) ? error['code'] : null;
  return typeof code === 'string' ? code : '';
};

/** The code in the error event of a stream; empty: there is none. */
export const codeOfBreak = (text: string): string => {
  const line = text
    .split('\n')
    .findLast((one) => one.startsWith('data: ') && one.includes('"error"'));
  return line === undefined ? '' : codeIn(parsed(line.slice(6)));
};

/** The final usage that the reply told; null: none yet. */
export const usageOf = (heard: Heard): Sides | null => {
  const told = heard.status === 200 ? toldIn(heard) : null;
  // A dialect may want a usage where the provider of another one told none: no reply is of no tokens.
  return told === null || told.input + told.output === 0 ? null : told;
};

const toldIn = ({ dialect, stream, text }: Heard): Sides | null => {
  if (!stream) {
    const usage = usageIn(parsed(text));
    return usage === null ? null : sidesOf(dialect, usage);
  }
  const bodies = usageEvents(text);
  const last = bodies.findLast((body) => usageIn(body) !== null);
  const final = usageIn(last ?? null);
  if (dialect === 'openai') return final === null ? null : sidesOf(dialect, final);
  if (final === null || last?.['type'] !== 'message_delta') return null;
  // A stream of this dialect tells its input first, and what is told last counts.
  const message = bodies.find(({ type }) => type === 'message_start')?.['message'];
  const first = usageIn(isBody(message) ? message : null) ?? {};
  return sidesOf(dialect, { ...first, ...final });
};
