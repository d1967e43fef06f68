/** ClickHouse's errors: a code, a symbolic name, a text. The server speaks in these and in nothing else. */

/** Codes this server raises itself; the engine's own arrive in its messages. */
// oxfmt-ignore
const codes = {
  BAD_ARGUMENTS: 36, NOT_IMPLEMENTED: 48, SYNTAX_ERROR: 62, UNKNOWN_TYPE_OF_QUERY: 78, UNKNOWN_COMPRESSION_METHOD: 89,
  UNKNOWN_SETTING: 115, READONLY: 164, REQUIRED_PASSWORD: 194, TOO_MANY_SIMULTANEOUS_QUERIES: 202, INCORRECT_DATA: 117,
  LIMIT_EXCEEDED: 290, QUERY_IS_TOO_LARGE: 229, INTO_OUTFILE_NOT_ALLOWED: 358, SESSION_NOT_FOUND: 372, SESSION_IS_LOCKED: 373,
  SETTING_CONSTRAINT_VIOLATION: 452, UNKNOWN_FORMAT: 73, QUERY_WAS_CANCELLED: 394, CANNOT_SCHEDULE_TASK: 439, NOT_ENOUGH_SPACE: 243,
  TIMEOUT_EXCEEDED: 159, ACCESS_DENIED: 497, AUTHENTICATION_FAILED: 516, UNKNOWN_EXCEPTION: 1002,
} as const;
export type ErrorName = keyof typeof codes;

/** An answer to the client that is an error. Thrown anywhere in a request, rendered in one place. */
export class Refusal extends Error {
  readonly code: number;
  /** ClickHouse's symbolic name, such as `SYNTAX_ERROR`. */
  readonly symbol: string;
  constructor(code: number, symbol: string, text: string) {
    super(text);
    this.code = code;
    this.symbol = symbol;
  }
}

export const refusal = (name: ErrorName, text: string): Refusal =>
  new Refusal(codes[name], name, text);

/** The engine's process is away. What it was doing is done wholly or not at all; the same request may be sent again. */
export const engineGone = (): Refusal =>
  refusal('CANNOT_SCHEDULE_TASK', 'The engine is being started again; send the request again');

const enginePattern = /^(?:Query failed: )?(?:Code: (\d+)\. )(?:DB::Exception: )?([^]*)$/;
const symbolPattern = /\(([A-Z][A-Z0-9_]+)\)\s*$/;
// An error that went through several layers of the engine repeats its head and its tail.
const repeatedHead = /^(?:Code: \d+\. DB::Exception: )+/;
const repeatedTail = / ?\(version [\d.]+\)\.?/g;

/** The engine's exception, as text, turned into a refusal with its code; text without a code gets 1002. */
export const fromEngine = (error: unknown): Refusal => {
  if (error instanceof Refusal) return error;
  const text = (error instanceof Error ? error.message : String(error)).trim();
  const [, code, rest] = enginePattern.exec(text) ?? [];
  if (code === undefined || rest === undefined) return refusal('UNKNOWN_EXCEPTION', text);
  const symbol = symbolPattern.exec(rest)?.[1] ?? 'UNKNOWN_EXCEPTION';
  const bare = (layer: string) => layer.replace(symbolPattern, '').trimEnd();
  const layers = rest.replace(repeatedHead, '').split(repeatedTail).map(bare);
  return new Refusal(Number(code), symbol, layers.join(' ').trimEnd());
};

/** The line a ClickHouse server sends: `Code: 62. DB::Exception: ... (SYNTAX_ERROR) (version 26.7.2.1)`. */
export const render = (error: Refusal, version: string): string =>
  `Code: ${error.code}. DB::Exception: ${error.message} (${error.symbol}) (version ${version})\n`;

// https://github.com/ClickHouse/ClickHouse/blob/master/src/Server/HTTP/exceptionCodeToHTTPStatus.cpp
// oxfmt-ignore
const statuses: readonly (readonly [status: number, codes: readonly number[]])[] = [
  [401, [194]],
  [403, [192, 193, 516, 512, 497]],
  [400, [6, 8, 15, 25, 26, 27, 36, 37, 38, 41, 44, 53, 62, 72, 117, 123, 167, 168, 223, 321, 376, 427, 441, 675, 676]],
  [404, [46, 47, 50, 56, 60, 63, 73, 78, 81, 115, 152, 336, 511]],
  [413, [229]], [415, [779]], [501, [48]], [503, [209, 76, 439]], [411, [381]], [408, [159]],
];

/** Refusals that speak of this moment only: the same request may succeed in a second. */
export const isPassing = ({ code }: Refusal): boolean =>
  [codes.TOO_MANY_SIMULTANEOUS_QUERIES, codes.CANNOT_SCHEDULE_TASK].some((one) => one === code);

/** The HTTP status a ClickHouse server gives this code; 500 for what its table does not name. */
export const httpStatus = (code: number): number =>
  statuses.find(([, known]) => known.includes(code))?.[0] ?? 500;
