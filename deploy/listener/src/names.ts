/** What a listener may be called by, from the address it listens on and from `TOLLGATE_HOSTS`. */

/** The names that a listener answers to. */
export interface OwnNames {
  /** It listens on a loopback address only, so that nobody from elsewhere has a name for it. */
  readonly loopback: boolean;
  /** What it was told to listen on, in lower case. */
  readonly bound: string;
  /** What was configured, `name` or `name:port`, in lower case; `*` is every name. */
  readonly named: ReadonlySet<string>;
}

const authority = /^(\[[0-9a-f:.]+\]|[a-z0-9_][a-z0-9_.-]*)(?::[0-9]{1,5})?$/;

/** `Example.ORG.:80` as `{ name: 'example.org', whole: 'example.org:80' }`; null: no name or address. */
export const readAuthority = (
  text: string,
): { readonly name: string; readonly whole: string } | null => {
  const lower = text.toLowerCase();
  const found = authority.exec(lower)?.[1];
  if (found === undefined) return null;
  const name = found.endsWith('.') ? found.slice(0, -1) : found;
  return { name, whole: `${name}${lower.slice(found.length)}` };
};

const loopbackName = /^(?:localhost|127(?:\.[0-9]{1,3}){3}|\[::1\])$/;
/** A browser takes what looks like this for an address and asks no name server. */
const address = /^(?:[0-9]{1,3}(?:\.[0-9]{1,3}){3}|\[[0-9a-f:.]+\])$/;
/** Every address of the machine, to listen on; nobody is called so. */
const everywhere = /^(?:0\.0\.0\.0|\[::\])$/;
/**
 * Names that no stranger can have in the public name service: a single word, and what is kept for local use (RFC 6761,
 * RFC 6762, ICANN resolution 2024.07.29.06 for `internal`), or used by Kubernetes (`svc`).
 */
const localName = /^[^.]+$|\.(?:localhost|local|internal|svc)$/;

const listHint = 'names such as ai.example.org or ai.example.org:8443, separated by commas, or *';

/**
 * A comma-separated list of names. An unreadable entry is a problem: text that fits behind the name of the setting.
 */
export const hostList = (text: string): readonly string[] | { readonly problem: string } => {
  const entries = text
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '');
  const read = entries.map((entry) => (entry === '*' ? entry : readAuthority(entry)?.whole));
  const bad = read.indexOf(undefined);
  return bad === -1
    ? read.filter((entry) => entry !== undefined)
    : { problem: `must be ${listHint}, not '${entries[bad]?.slice(0, 100)}'` };
};

/** The names of a listener on `host`, beside those that are configured. */
export const ownNames = (host: string, configured: readonly string[]): OwnNames => {
  const bound = (host.includes(':') ? `[${host}]` : host).toLowerCase();
  return { loopback: loopbackName.test(bound), bound, named: new Set(configured) };
};

/** May it be called by this name, `name` or `name:port`? */
export const isOwn = ({ loopback, bound, named }: OwnNames, text: string): boolean => {
  const found = readAuthority(text);
  if (found === null) return false;
  const { name, whole } = found;
  if (named.has(name) || named.has(whole) || named.has('*')) return true;
  if (loopbackName.test(name)) return true;
  if (everywhere.test(name)) return false;
  return name === bound || (!loopback && (address.test(name) || localName.test(name)));
};
