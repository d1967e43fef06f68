/**
 * May this request be served, before anything in it is read? A web page can make its visitor's browser send requests to
 * every address that the browser reaches, and can point its own name at that address once it is loaded (DNS rebinding).
 * What no page can do is choose `Host`, `Origin` and `Sec-Fetch-Site`: the browser writes them
 * (https://fetch.spec.whatwg.org/#forbidden-request-header). So they decide.
 */
import { isOwn, readAuthority, type OwnNames } from './names.ts';

/** Why a request is refused. `site` is the browser's `Sec-Fetch-Site`. */
export type Foreign = 'malformed' | 'host' | 'origin' | 'site';

/** What is looked at; Node's `IncomingMessage` is one. */
export interface RequestHead {
  readonly method?: string | undefined;
  /** As in the request line: a path, `*`, or a whole address. */
  readonly url?: string | undefined;
  readonly httpVersion: string;
  /** Names and values in turn, as they were sent, repeated ones included. */
  readonly rawHeaders: readonly string[];
}

/** The headers that decide; the last one of each, and whether one of them was repeated. */
interface Said {
  readonly host: string | undefined;
  readonly origin: string | undefined;
  readonly site: string | undefined;
  readonly coding: string | undefined;
  readonly repeated: boolean;
}

/** Of their names: most headers are told apart by their length alone. */
const lengths: readonly number[] = ['host', 'origin', 'sec-fetch-site', 'transfer-encoding'].map(
  ({ length }) => length,
);

const read = (rawHeaders: readonly string[]): Said => {
  let [host, origin, site, coding]: (string | undefined)[] = [];
  let repeated = false;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] ?? '';
    if (!lengths.includes(name.length)) continue;
    const value = rawHeaders[i + 1] ?? '';
    switch (name.toLowerCase()) {
      case 'host':
        repeated ||= host !== undefined;
        host = value;
        break;
      case 'origin':
        repeated ||= origin !== undefined;
        origin = value;
        break;
      case 'sec-fetch-site':
        repeated ||= site !== undefined;
        site = value;
        break;
      case 'transfer-encoding':
        repeated ||= coding !== undefined;
        coding = value;
        break;
    }
  }
  return { host, origin, site, coding, repeated };
};

/**
 * What Node's parser lets pass and others read otherwise: no or another version of HTTP, no `Host`, a header that must be
 * alone twice, a body in another coding than `chunked` (RFC 9112, sections 3.2 and 6.1).
 */
const malformed = ({ httpVersion }: RequestHead, { repeated, host, coding }: Said): boolean =>
  repeated ||
  (httpVersion === '1.1' ? host === undefined : httpVersion !== '1.0') ||
  (coding !== undefined && (coding.toLowerCase() !== 'chunked' || httpVersion === '1.0'));

const wholeTarget = /^https?:\/\/([^/?#]*)/i;

/** Every name in the request line and in `Host` is own. HTTP/1.0 needs none; browsers always send one. */
const ownNamed = (
  names: OwnNames,
  { url = '' }: RequestHead,
  host: string | undefined,
): boolean => {
  const target = url.startsWith('/') ? undefined : wholeTarget.exec(url)?.[1];
  return (
    (target === undefined || isOwn(names, target)) && (host === undefined || isOwn(names, host))
  );
};

/** A page of this listener: same name, same port; or one that was configured, when a proxy in front renames. */
const ownOrigin = ({ named }: OwnNames, origin: string, host: string | undefined): boolean => {
  const from = readAuthority(/^https?:\/\/(.*)$/i.exec(origin)?.[1] ?? '');
  if (from === null) return false;
  return from.whole === readAuthority(host ?? '')?.whole || named.has(from.whole);
};

/**
 * Null: it may be served. `none` is an address that a person typed, which sends GET. `same-site` is another port or
 * another name of the same owner: another program.
 * https://w3c.github.io/webappsec-fetch-metadata/#sec-fetch-site-header
 */
export const foreign = (request: RequestHead, names: OwnNames): Foreign | null => {
  const said = read(request.rawHeaders);
  const { host, origin, site } = said;
  if (malformed(request, said)) return 'malformed';
  if (!ownNamed(names, request, host)) return 'host';
  if (origin !== undefined && !ownOrigin(names, origin, host)) return 'origin';
  const typed = site === 'none' && (request.method === 'GET' || request.method === 'HEAD');
  return site === undefined || site === 'same-origin' || typed ? null : 'site';
};

/** What the sender is told: a status, and one line. 421 is "not for this server" (RFC 9110, section 15.5.20). */
export const refusalOf = {
  malformed: { status: 400, message: 'The request is not valid HTTP/1.1.' },
  host: {
    status: 421,
    message:
      'The Host of this request is not a name of this listener. If it should be, add it to TOLLGATE_HOSTS.',
  },
  origin: { status: 403, message: 'Requests from web pages of another origin are not served.' },
  site: {
    status: 403,
    message:
      'Requests that a web page of another origin causes are not served. To open this address, type it.',
  },
} as const satisfies Record<Foreign, { readonly status: number; readonly message: string }>;
