import { refusal } from './errors.ts';

/** One request to the HTTP interface as data. https://clickhouse.com/docs/interfaces/http */
export interface Query {
  /** SQL of the `query` parameter; the body follows it. */
  readonly sql: string;
  readonly database: string;
  /** The result's format when the SQL names none; null: TabSeparated. */
  readonly format: string | null;
  readonly settings: ReadonlyMap<string, string>;
  /** `param_x`, in ClickHouse's escaped form, as the server takes them. */
  readonly params: ReadonlyMap<string, string>;
  readonly user: string;
  readonly password: string;
  readonly queryId: string | null;
  readonly session: Session | null;
  /** GET and HEAD may only read. */
  readonly readonly: boolean;
  readonly bodyEncoding: string;
  /** Encodings the client takes, when the result may be compressed at all. */
  readonly accepts: string;
  /** The protocol revision whose Native layout the client reads; 0 is the plain one. */
  readonly nativeRevision: number;
}

export interface Session {
  readonly id: string;
  readonly timeoutMs: number;
  /** True: it must exist already. */
  readonly mustExist: boolean;
  readonly closeAfter: boolean;
}

interface Head {
  readonly method: string;
  readonly url: URL;
  readonly header: (name: string) => string | undefined;
}

/** Parameters of the interface itself. Everything else in the query string is a setting. */
// oxfmt-ignore
const own = new Set([
  'query', 'database', 'default_format', 'user', 'password', 'query_id', 'session_id', 'session_timeout', 'session_check', 'close_session',
  'quota_key', 'client_protocol_version', 'compress', 'decompress', 'wait_end_of_query', 'buffer_size', 'stacktrace', 'role',
  'send_progress_in_http_headers', 'http_headers_progress_interval_ms', 'framing',
]);
const settingName = /^[A-Za-z_][A-Za-z0-9_]{0,127}$/;

const credentials = ({ url, header }: Head): { user: string; password: string } => {
  const authorization = header('authorization') ?? '';
  const user = header('x-clickhouse-user') ?? url.searchParams.get('user');
  const password = header('x-clickhouse-key') ?? url.searchParams.get('password');
  if (!/^basic /i.test(authorization)) return { user: user ?? 'default', password: password ?? '' };
  const [name = '', ...rest] = Buffer.from(authorization.slice(6), 'base64')
    .toString('utf8')
    .split(':');
  return { user: name === '' ? 'default' : name, password: rest.join(':') };
};

const session = (url: URL): Session | null => {
  const id = url.searchParams.get('session_id');
  if (id === null || id === '') return null;
  const seconds = Number(url.searchParams.get('session_timeout') ?? 60);
  if (!Number.isFinite(seconds) || seconds < 0 || seconds > 3600) {
    throw refusal('BAD_ARGUMENTS', `session_timeout must lie between 0 and 3600 seconds`);
  }
  return {
    id,
    timeoutMs: seconds * 1000,
    mustExist: url.searchParams.get('session_check') === '1',
    closeAfter: url.searchParams.get('close_session') === '1',
  };
};

/** @throws Refusal for what the embedded server does not speak: better said than ignored. */
const refuseUnspoken = ({ url, header }: Head): void => {
  for (const name of ['compress', 'decompress']) {
    if (!['0', null].includes(url.searchParams.get(name))) {
      throw refusal(
        'NOT_IMPLEMENTED',
        `${name}=1 (ClickHouse's own block compression): use HTTP compression, gzip or zstd`,
      );
    }
  }
  if (url.searchParams.has('role')) throw refusal('NOT_IMPLEMENTED', 'role: there are no roles');
  if (header('content-type')?.startsWith('multipart/') === true) {
    throw refusal('NOT_IMPLEMENTED', 'External tables (multipart bodies) are not supported');
  }
};

/**
 * Reads everything but the body.
 * @param maxParameters settings and query parameters allowed together.
 * @throws Refusal for what the embedded server does not speak, and for names that cannot be settings.
 */
export const parseRequest = (head: Head, maxParameters: number): Query => {
  const { url, header, method } = head;
  const settings = new Map<string, string>();
  const params = new Map<string, string>();
  for (const [name, value] of url.searchParams) {
    if (own.has(name)) continue;
    const target = name.startsWith('param_') ? params : settings;
    const key = target === params ? name.slice('param_'.length) : name;
    if (!settingName.test(key)) throw refusal('UNKNOWN_SETTING', `Unknown setting '${key}'.`);
    target.set(key, value);
  }
  if (settings.size + params.size > maxParameters) {
    throw refusal('LIMIT_EXCEEDED', `More than ${maxParameters} settings and parameters`);
  }
  refuseUnspoken(head);
  const compressible = ['1', 'true'].includes(settings.get('enable_http_compression') ?? '0');
  return {
    sql: url.searchParams.get('query') ?? '',
    database: header('x-clickhouse-database') ?? url.searchParams.get('database') ?? '',
    format: header('x-clickhouse-format') ?? url.searchParams.get('default_format'),
    settings,
    params,
    ...credentials(head),
    queryId: url.searchParams.get('query_id') ?? header('x-clickhouse-query-id') ?? null,
    session: session(url),
    readonly: method === 'GET' || method === 'HEAD',
    bodyEncoding: (header('content-encoding') ?? '').trim().toLowerCase(),
    accepts: compressible ? (header('accept-encoding') ?? '') : '',
    nativeRevision: Number(url.searchParams.get('client_protocol_version') ?? 0) || 0,
  };
};
