/**
 * What the front and the engine's process say to each other: one JSON text a line, over a pipe that only these two hold.
 * Statements and small results travel here; large data lie in files. Nothing that the engine says is trusted to be well formed.
 */
import { createInterface } from 'node:readline';
import type { Duplex } from 'node:stream';
import type { Cancel } from './engine.ts';

/** The descriptor on which the engine's process finds its end of the pipe. */
export const channelFd = 3;

/** From the front. `connection` is a number that the front chose at `open`; each call is answered under its `id`. */
export type Ask =
  | { readonly do: 'open'; readonly id: number; readonly connection: number }
  | {
      readonly do: 'set' | 'write';
      readonly id: number;
      readonly connection: number;
      readonly sql: string;
    }
  | {
      readonly do: 'read';
      readonly id: number;
      readonly connection: number;
      readonly sql: string;
      readonly format: string;
    }
  | { readonly do: 'cancel'; readonly id: number; readonly what: Cancel }
  /** Gives freed memory back to the system, and counts running queries. */
  | { readonly do: 'tidy'; readonly id: number }
  | { readonly do: 'close'; readonly connection: number }
  | { readonly do: 'end' };
export type Call = Extract<Ask, { readonly id: number }>;
/** An `Ask` that is answered, before it has a number. */
type Unnumbered<One> = One extends Call ? Omit<One, 'id'> : never;
export type Wish = Unnumbered<Call>;

export interface Facts {
  readonly version: string;
  readonly timezone: string;
  readonly displayName: string;
}
export interface Numbers {
  readonly readRows: number;
  readonly readBytes: number;
  readonly writtenRows: number;
  readonly writtenBytes: number;
  readonly elapsedMs: number;
  /** Queries that `tidy` found. */
  readonly running: number;
}
export interface Done {
  readonly say: 'done';
  readonly id: number;
  /** The rows of a `read`. */
  readonly base64: string;
  readonly numbers: Numbers;
}
/** From the engine. */
export type Say =
  | ({ readonly say: 'ready'; readonly wall: string; readonly rssBytes: number } & Facts)
  /** Another process holds the directory. */
  | { readonly say: 'held' }
  | { readonly say: 'failed'; readonly why: string }
  | Done
  | {
      readonly say: 'refused';
      readonly id: number;
      readonly code: number;
      readonly symbol: string;
      readonly text: string;
    }
  | { readonly say: 'memory'; readonly rssBytes: number };

export const noNumbers: Numbers = {
  readRows: 0,
  readBytes: 0,
  writtenRows: 0,
  writtenBytes: 0,
  elapsedMs: 0,
  running: 0,
};

type Fields = Readonly<Record<string, unknown>>;
const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null;
const text = (of: Fields, name: string) => {
  const value = of[name];
  return typeof value === 'string' ? value : '';
};
const number = (of: Fields, name: string) => {
  const value = of[name];
  return typeof value === 'number' ? value : 0;
};

const parse = (line: string): Fields | null => {
  try {
    const value: unknown = JSON.parse(line);
    return isFields(value) ? value : null;
  } catch {
    return null;
  }
};

const cancelOf = (value: unknown): Cancel => {
  const of = isFields(value) ? value : {};
  if (of['kind'] === 'reads' || of['kind'] === 'all') return { kind: of['kind'] };
  return { kind: 'tagged', tag: text(of, 'tag') };
};

/** @returns null for what is no message. */
export const parseAsk = (line: string): Ask | null => {
  const of = parse(line);
  if (of === null) return null;
  const [id, connection, sql] = [number(of, 'id'), number(of, 'connection'), text(of, 'sql')];
  switch (of['do']) {
    case 'open':
      return { do: 'open', id, connection };
    case 'set':
      return { do: 'set', id, connection, sql };
    case 'write':
      return { do: 'write', id, connection, sql };
    case 'read':
      return { do: 'read', id, connection, sql, format: text(of, 'format') };
    case 'cancel':
      return { do: 'cancel', id, what: cancelOf(of['what']) };
    case 'tidy':
      return { do: 'tidy', id };
    case 'close':
      return { do: 'close', connection };
    case 'end':
      return { do: 'end' };
    default:
      return null;
  }
};

/** @returns null for what is no message. */
export const parseSay = (line: string): Say | null => {
  const of = parse(line);
  if (of === null) return null;
  const id = number(of, 'id');
  switch (of['say']) {
    case 'ready': {
      const facts = {
        version: text(of, 'version'),
        timezone: text(of, 'timezone'),
        displayName: text(of, 'displayName'),
      };
      return { say: 'ready', wall: text(of, 'wall'), rssBytes: number(of, 'rssBytes'), ...facts };
    }
    case 'held':
      return { say: 'held' };
    case 'failed':
      return { say: 'failed', why: text(of, 'why') };
    case 'done': {
      const counts = isFields(of['numbers']) ? of['numbers'] : {};
      const numbers: Numbers = {
        readRows: number(counts, 'readRows'),
        readBytes: number(counts, 'readBytes'),
        writtenRows: number(counts, 'writtenRows'),
        writtenBytes: number(counts, 'writtenBytes'),
        elapsedMs: number(counts, 'elapsedMs'),
        running: number(counts, 'running'),
      };
      return { say: 'done', id, base64: text(of, 'base64'), numbers };
    }
    case 'refused':
      return {
        say: 'refused',
        id,
        code: number(of, 'code'),
        symbol: text(of, 'symbol'),
        text: text(of, 'text'),
      };
    case 'memory':
      return { say: 'memory', rssBytes: number(of, 'rssBytes') };
    default:
      return null;
  }
};

export interface Channel<Out> {
  readonly send: (message: Out) => void;
  readonly close: () => void;
}

/** Speaks over one end. `gone` is called once, when the other side has closed its end or is dead. */
export const openChannel = <In, Out>(
  end: Duplex,
  parseLine: (line: string) => In | null,
  { heard, gone }: { readonly heard: (message: In) => void; readonly gone: () => void },
): Channel<Out> => {
  const lines = createInterface({ input: end }).on('line', (line) => {
    const message = parseLine(line);
    if (message !== null) heard(message);
  });
  // Writing to a process that has just died, or that dies before it has read all, is an error here and an end there; the
  // end says all. The reader of lines passes the error on, and unheard it would end this process.
  end.on('error', () => {});
  lines.on('error', () => {});
  end.once('close', gone);
  return {
    send: (message) => void (end.writable && end.write(`${JSON.stringify(message)}\n`)),
    close: () => void end.destroy(),
  };
};
