import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Journal, Served } from './journal.ts';

// What fake providers have in common: scripts, faults on demand, and pouring bytes. Nothing here knows the gateway.

/** One way in which a provider misbehaves. Several may be combined. */
export interface Fault {
  /** Before the status line. */
  readonly delayMs?: number;
  /** Answers with this status and the dialect's error body. */
  readonly status?: number;
  readonly retryAfter?: string;
  /** Closes the connection before the status line. */
  readonly hangUp?: boolean;
  /** Closes the connection after so many bytes of the body. */
  readonly cutAfterBytes?: number;
  /** Falls silent after so many bytes of the body, until the client leaves or the fake is closed. */
  readonly stallAfterBytes?: number;
  /** Ends the body, politely, after so many bytes. */
  readonly endAfterBytes?: number;
  /** Ends the body, politely, before its last event. */
  readonly withoutLastEvent?: boolean;
  /** Puts an error event into the stream after so many events, and ends it. */
  readonly errorAfterEvents?: number;
  /** Sends this as the body, with status 200. */
  readonly body?: string;
  readonly contentType?: string;
  /** Writes the body in pieces of so many bytes, whatever they split. */
  readonly chunkBytes?: number;
  /** Between writes. */
  readonly gapMs?: number;
}

/** What a fake is to answer. All parts have defaults. */
export interface Script {
  readonly say?: string;
  /** Says so many words instead. */
  readonly words?: number;
  readonly reasoning?: string;
  readonly refusal?: string;
  readonly tools?: readonly { readonly name: string; readonly arguments: unknown }[];
  /** The dialect's own reason for the end. */
  readonly finish?: string;
  /** The usage in the dialect's own form, right or wrong; null: none. */
  readonly usage?: Record<string, unknown> | null;
  readonly serviceTier?: string;
  readonly fault?: Fault;
}

type Body = Record<string, unknown>;
export type Scripting = (body: Body, path: string) => Script | null;

/** How a fake starts, beside what it speaks. */
export interface FakeOptions {
  readonly script?: Scripting;
  /** Is told of each request when it is over, and the journal keeps none of them: for more requests than fit in memory. */
  over?(served: Served): void;
}

export interface Fake {
  /** `http://127.0.0.1:port`. */
  readonly origin: string;
  readonly journal: Journal;
  /** The faults of the next requests, one each, in order of arrival. They replace faults not used up. */
  set(faults: readonly Fault[]): void;
  /** Cuts all connections and stops listening. */
  close(): Promise<void>;
}

/** A piece of a reply, and what has been said once it is sent whole. */
export interface Part {
  readonly bytes: string;
  readonly text?: string;
  readonly isUsage?: boolean;
  /** Nothing but the dialect's farewell follows. */
  readonly isStop?: boolean;
  readonly isError?: boolean;
}

export interface Answer {
  readonly id: string;
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly parts: readonly Part[];
  readonly usage: Body | null;
}

const isBody = (value: unknown): value is Body =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const parse = (text: string): Body | null => {
  try {
    const value: unknown = JSON.parse(text);
    return isBody(value) ? value : null;
  } catch {
    return null;
  }
};

const textOf = (content: unknown): string => {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return '';
  const texts = content.map((part): unknown => (isBody(part) ? part['text'] : ''));
  return texts.filter((text) => typeof text === 'string').join('');
};

/** The text of the last message a user sent; of an embedding its input. */
export const lastUserText = (body: Body): string => {
  if (typeof body['input'] === 'string') return body['input'];
  const messages = Array.isArray(body['messages']) ? body['messages'].filter(isBody) : [];
  return textOf(messages.findLast(({ role }) => role === 'user')?.['content']);
};

/**
 * A user's message that is a JSON object with a key `script` tells the fake what to do:
 * `{"script": {"say": "hello", "fault": {"cutAfterBytes": 100}}}`.
 */
const directive = (body: Body): Script | null => {
  const script = parse(lastUserText(body))?.['script'];
  return isBody(script) ? script : null;
};

/** The words a fake says when it was told nothing else. */
export const wordsOf = (script: Script): readonly string[] => {
  if (script.say !== undefined) return script.say.match(/\S+\s*|\s+/g) ?? [];
  return Array.from({ length: script.words ?? 8 }, (_, index) => `word${index} `);
};

/** A crude count, the same on both sides of no comparison: tests read the journal, they do not count. */
export const roughTokens = (value: unknown): number =>
  Math.max(1, Math.ceil(JSON.stringify(value ?? '').length / 4));

const header = (request: IncomingMessage, name: string): string | null => {
  const value = request.headers[name];
  return typeof value === 'string' ? value : null;
};

const readBody = async (request: IncomingMessage): Promise<string> => {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString();
};

const write = (response: ServerResponse, bytes: Buffer): Promise<void> =>
  new Promise((resolve) => {
    const done = () => {
      response.off('close', done);
      resolve();
    };
    response.once('close', done); // a client that left takes no more
    response.write(bytes, done);
  });

/** The places at which the parts of a reply are whole, in bytes. */
const milestones = (parts: readonly Part[]) => {
  let at = 0;
  return parts.map((part) => ({ ...part, at: (at += Buffer.byteLength(part.bytes)) }));
};

/** Where a body stops, and whether that is early. */
const stopOf = (sizeBytes: number, fault: Fault) => {
  const { cutAfterBytes = Infinity, stallAfterBytes = Infinity, endAfterBytes = Infinity } = fault;
  const stop = Math.min(sizeBytes, cutAfterBytes, stallAfterBytes, endAfterBytes);
  if (stop < sizeBytes && stop === cutAfterBytes) return { stop, how: 'cut' } as const;
  if (stop < sizeBytes && stop === stallAfterBytes) return { stop, how: 'stalled' } as const;
  return { stop, how: 'whole' } as const;
};

/** Ends an event of a stream. */
const blankLineBytes = 2;

/** Writes down what is out, up to byte `end`, from the part `step` on; returns the first part that is not. */
const note = (
  served: Served,
  steps: ReturnType<typeof milestones>,
  step: number,
  end: number,
): number => {
  let next = step;
  for (; (steps[next]?.at ?? Infinity) <= end; next += 1) {
    served.textSent += steps[next]?.text ?? '';
    served.usageSent ||= steps[next]?.isUsage ?? false;
    served.stopSent ||= steps[next]?.isStop ?? false;
    served.errorSent ||= steps[next]?.isError ?? false;
  }
  // All that it says is out when only the blank line behind it is missing.
  const cut = steps[next];
  if (cut !== undefined && cut.at - end <= blankLineBytes) served.stopSent ||= cut.isStop ?? false;
  return next;
};

const pour = async (
  response: ServerResponse,
  served: Served,
  { parts, isIntact }: Garbled,
  fault: Fault,
): Promise<void> => {
  const whole = Buffer.from(parts.map(({ bytes }) => bytes).join(''));
  const steps = milestones(parts);
  const { stop, how } = stopOf(whole.length, fault);
  let step = 0;
  for (let at = 0; at < stop && served.ended === 'open';) {
    const next = steps[step]?.at ?? stop;
    const end = Math.min(stop, fault.chunkBytes === undefined ? next : at + fault.chunkBytes);
    await write(response, whole.subarray(at, end));
    if (served.ended !== 'open') return;
    at = end;
    served.bodyBytesSent = end;
    served.isWhole = isIntact && end === whole.length;
    step = note(served, steps, step, end);
    if (fault.gapMs !== undefined) await sleep(fault.gapMs);
  }
  if (served.ended !== 'open') return;
  if (how === 'whole') {
    served.ended = served.status < 400 ? 'complete' : 'refused';
    response.end();
  } else {
    served.ended = how;
    if (how === 'cut') response.socket?.destroy();
  }
};

/** A provider's wire grammar, as far as a fake needs it. */
export interface Grammar {
  /** The header in which it tells the id of a request. */
  readonly requestIdHeader: string;
  answer(body: Body, path: string, script: Script, serial: number): Answer | null;
  error(status: number, fault: Fault): { readonly parts: readonly Part[] };
  errorEvent(): string;
  /** What is wrong with a request, or null; a fake that is not strict takes everything. */
  refuses?(body: Body, path: string): string | null;
}

/** What is sent, and whether that is the answer as it should be. */
interface Garbled {
  readonly parts: readonly Part[];
  readonly isIntact: boolean;
}

const garble = (answer: Answer, grammar: Grammar, fault: Fault): Garbled => {
  const other = (parts: readonly Part[]): Garbled => ({ parts, isIntact: false });
  if (fault.body !== undefined) return other([{ bytes: fault.body }]);
  if (fault.withoutLastEvent === true) return other(answer.parts.slice(0, -1));
  if (fault.errorAfterEvents === undefined) return { parts: answer.parts, isIntact: true };
  return other([
    ...answer.parts.slice(0, fault.errorAfterEvents),
    { bytes: grammar.errorEvent(), isError: true },
  ]);
};

const entryOf = (request: IncomingMessage, rawBody: string, body: Body | null): Served => ({
  at: Date.now(),
  path: request.url ?? '',
  headers: {
    authorization: request.headers.authorization !== undefined,
    apiKey: request.headers['x-api-key'] !== undefined,
    traceparent: header(request, 'traceparent'),
    tracestate: header(request, 'tracestate'),
    contentType: header(request, 'content-type'),
    version: header(request, 'anthropic-version'),
    beta: header(request, 'anthropic-beta') ?? header(request, 'openai-beta'),
    names: Object.keys(request.headers).toSorted((a, b) => a.localeCompare(b)),
  },
  rawBody,
  body,
  status: 0,
  id: '',
  usage: null,
  usageSent: false,
  bodyBytesSent: 0,
  isWhole: false,
  stopSent: false,
  errorSent: false,
  textSent: '',
  ended: 'open',
  refused: null,
});

/** Starts a fake that speaks a grammar, on a free port of 127.0.0.1. */
export const startFake = async (
  grammar: Grammar,
  { script: scripting, over }: FakeOptions = {},
): Promise<Fake> => {
  const journal: Journal = [];
  const open = new Set<Served>();
  let serials = 0;
  let queue: Fault[] = [];

  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const rawBody = await readBody(request);
    const body = parse(rawBody);
    const served = entryOf(request, rawBody, body);
    const serial = (serials += 1);
    if (over === undefined) journal.push(served);
    open.add(served);
    response.once('close', () => {
      if (served.ended === 'open') served.ended = 'client_gone';
      open.delete(served);
      over?.(served);
    });
    const script = scripting?.(body ?? {}, served.path) ?? directive(body ?? {}) ?? {};
    const fault: Fault = { ...script.fault, ...queue.shift() };
    if (fault.delayMs !== undefined) await sleep(fault.delayMs);
    if (served.ended !== 'open') return;
    if (fault.hangUp === true) {
      served.ended = 'hung_up';
      request.socket.destroy();
      return;
    }
    const { headers, garbled } = answerTo(served, script, fault, serial);
    response.writeHead(served.status, headers);
    response.flushHeaders();
    await pour(response, served, garbled, fault);
  };

  /** Decides on status, headers and body, and writes the promises into the journal. */
  const answerTo = (served: Served, script: Script, fault: Fault, serial: number) => {
    const { body } = served;
    const route = served.path.split('?')[0] ?? '';
    served.refused = body === null ? null : (grammar.refuses?.(body, route) ?? null);
    const answer = body === null ? null : grammar.answer(body, route, script, serial);
    const status = served.refused === null ? fault.status : 400;
    const headers: Record<string, string> = {
      'content-type': 'application/json',
      [grammar.requestIdHeader]: `req_${serial}`,
    };
    if (fault.retryAfter !== undefined) headers['retry-after'] = fault.retryAfter;
    if (answer === null || status !== undefined) {
      served.status = status ?? 404;
      const { parts } = grammar.error(served.status, fault);
      return { headers, garbled: { parts, isIntact: false } };
    }
    served.status = answer.status;
    served.id = answer.id;
    served.usage = answer.usage;
    Object.assign(headers, answer.headers);
    if (fault.contentType !== undefined) headers['content-type'] = fault.contentType;
    return { headers, garbled: garble(answer, grammar, fault) };
  };

  const server = createServer((request, response) => {
    serve(request, response).catch(() => response.destroy()); // a client that left while sending
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('The fake has no port.');
  return {
    origin: `http://127.0.0.1:${address.port}`,
    journal,
    set(faults) {
      queue = [...faults];
    },
    close: () =>
      new Promise((resolve) => {
        for (const served of open) {
          if (served.ended === 'open') served.ended = 'closed';
        }
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
};
