/** From parsed YAML to a configuration: every problem at once, each with its place. Pure. */
import type { Static } from 'typebox';
import { Compile } from 'typebox/compile';
import { Value } from 'typebox/value';
import type { Voter } from '../model/decision.ts';
import type { Policy } from '../policies/policy.ts';
import { schema } from './schema.ts';

/** A way into the document: keys and list positions. */
export type Path = readonly (string | number)[];
export interface Problem {
  readonly path: Path;
  /** The key itself is wrong, not its value. */
  readonly atKey: boolean;
  readonly message: string;
}

export interface MemberConfig {
  readonly name: string;
  readonly protocol: 'grpc' | 'http';
  readonly address: string;
  readonly weight: number;
  readonly compression: 'none' | 'zstd' | 'gzip';
}

export interface RouterConfig {
  readonly members: 'builtin' | readonly MemberConfig[];
  readonly receive: {
    readonly maxBodyBytes: number;
    readonly maxInflightBytes: number;
    readonly maxSpans: number;
    readonly maxJsonBytes: number;
    readonly maxPartsBytes: number;
    readonly ackTimeoutMs: number;
    readonly maxConnectionAgeMs: number;
    readonly maxConnections: number;
  };
  readonly send: {
    readonly lingerMs: number;
    readonly batchBytes: number;
    readonly maxMessageBytes: number;
    readonly inFlight: number;
    readonly queueBytes: number;
    readonly timeoutMs: number;
    readonly backoffInitialMs: number;
    readonly backoffMaxMs: number;
    readonly giveUpMs: number;
  };
  readonly sampler: {
    readonly decisionWaitMs: number;
    readonly afterRootMs: number;
    readonly maxTraces: number;
    readonly maxBytes: number;
    readonly maxTraceBytes: number;
    readonly rememberKept: number;
    readonly rememberDropped: number;
    readonly voters: readonly Voter[];
  };
  readonly write: {
    readonly database: string;
    readonly batchRows: number;
    readonly batchBytes: number;
    readonly lingerMs: number;
    readonly queueBytes: number;
    readonly timeoutMs: number;
    readonly backoffMaxMs: number;
  };
  readonly metricsForward: string | null;
  readonly shutdownMs: number;
}

export type Checked =
  | { readonly kind: 'ok'; readonly config: RouterConfig }
  | { readonly kind: 'bad'; readonly problems: readonly Problem[] };

const validator = Compile(schema);
const unitMs = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 } as const;

/** `500ms`, `5s`, `1.5m`, `1h` in milliseconds; the schema has checked the form. */
const durationMs = (text: string): number => {
  const [, amount = '0', unit = 'ms'] = /^([\d.]+)(ms|s|m|h)$/.exec(text) ?? [];
  return (
    Number(amount) *
    (unit === 'ms' || unit === 's' || unit === 'm' || unit === 'h' ? unitMs[unit] : 1)
  );
};

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The fields of a validation error that we read; TypeBox's own type is a union over all keywords. */
interface Complaint {
  readonly keyword: string;
  readonly instancePath: string;
  readonly message: string;
  readonly params: object;
}

const pathOf = (pointer: string): Path =>
  pointer
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    .map((part) => (/^\d+$/.test(part) ? Number(part) : part));

const strings = (value: unknown): string[] =>
  Array.isArray(value) ? value.filter((entry) => typeof entry === 'string') : [];

/** Turns a validator's complaints into problems: one per place, unknown keys at the key. */
const explain = (complaints: Iterable<Complaint>, base: Path): Problem[] => {
  const problems = new Map<string, Problem>();
  for (const { keyword, instancePath, message, params } of complaints) {
    const path = [...base, ...pathOf(instancePath)];
    if (keyword === 'additionalProperties') {
      for (const key of strings(
        'additionalProperties' in params ? params.additionalProperties : [],
      )) {
        const at = [...path, key];
        problems.set(at.join('/'), { path: at, atKey: true, message: `unknown key '${key}'` });
      }
    } else if (keyword !== 'boolean' && keyword !== 'anyOf' && !problems.has(path.join('/'))) {
      const allowed = 'allowedValues' in params ? strings(params.allowedValues) : [];
      const text =
        keyword === 'pattern' && 'pattern' in params
          ? String(params.pattern).includes('ms|s|m|h')
            ? 'must be a duration such as 500ms, 5s or 1m'
            : 'must be an address such as http://host:4317'
          : allowed.length > 0
            ? `must be one of ${allowed.join(', ')}`
            : message;
      problems.set(path.join('/'), { path, atKey: false, message: text });
    }
  }
  return [...problems.values()];
};

const checkPolicies = (
  entries: readonly (Readonly<Record<string, unknown>> | null)[],
  policies: readonly Policy[],
  problems: Problem[],
): Voter[] => {
  const names = new Set<string>();
  return entries.flatMap((entry, i) => {
    if (entry === null) return []; // the schema has complained
    const path = ['sampler', 'policies', i];
    const name = String(entry['name']);
    const type = String(entry['type']);
    const at = (key: string, message: string, atKey = false) =>
      problems.push({ path: [...path, key], atKey, message });
    if (names.has(name)) at('name', `another policy is named '${name}'`);
    names.add(name);
    const found = policies.find((policy) => policy.type === type);
    if (found === undefined) {
      at(
        'type',
        `no policy '${type}'; there are ${policies.map((policy) => policy.type).join(', ')}`,
      );
      return [];
    }
    for (const key of Object.keys(entry)) {
      if (!['name', 'type', type].includes(key)) at(key, `unknown key '${key}'`, true);
    }
    const settings = entry[type] ?? {};
    const complaints = explain(Value.Errors(found.settings, settings), [...path, type]);
    if (complaints.length > 0) {
      problems.push(...complaints);
      return [];
    }
    const voter = found.configure(name, settings);
    if (typeof voter !== 'string') return [voter];
    at(type, voter);
    return [];
  });
};

/** The entries that have a name and a type, also of a file that is wrong elsewhere: all problems come at once. */
const namedPolicies = (file: unknown) => {
  const sampler = isRecord(file) ? file['sampler'] : undefined;
  const entries: unknown = isRecord(sampler) ? sampler['policies'] : undefined;
  return (Array.isArray(entries) ? entries : []).map((entry: unknown) =>
    isRecord(entry) && typeof entry['name'] === 'string' && typeof entry['type'] === 'string'
      ? entry
      : null,
  );
};

const toConfig = (file: Static<typeof schema>, voters: readonly Voter[]): RouterConfig => {
  const { receive, send, sampler, write } = file;
  return {
    members:
      file.members === 'builtin'
        ? 'builtin'
        : file.members.map(({ weight = 1, compression = 'none', ...member }) => ({
            ...member,
            weight,
            compression,
          })),
    receive: {
      maxBodyBytes: receive.max_body_bytes,
      maxInflightBytes: receive.max_inflight_bytes,
      maxSpans: receive.max_spans,
      maxJsonBytes: receive.max_json_bytes,
      maxPartsBytes: receive.max_parts_bytes,
      ackTimeoutMs: durationMs(receive.ack_timeout),
      maxConnectionAgeMs: durationMs(receive.max_connection_age),
      maxConnections: receive.max_connections,
    },
    send: {
      lingerMs: durationMs(send.linger),
      batchBytes: send.batch_bytes,
      maxMessageBytes: send.max_message_bytes,
      inFlight: send.in_flight,
      queueBytes: send.queue_bytes,
      timeoutMs: durationMs(send.timeout),
      backoffInitialMs: durationMs(send.backoff_initial),
      backoffMaxMs: durationMs(send.backoff_max),
      giveUpMs: durationMs(send.give_up),
    },
    sampler: {
      decisionWaitMs: durationMs(sampler.decision_wait),
      afterRootMs: durationMs(sampler.decision_wait_after_root_received),
      maxTraces: sampler.num_traces,
      maxBytes: sampler.max_open_bytes,
      maxTraceBytes: sampler.maximum_trace_size_bytes,
      rememberKept: sampler.decision_cache.sampled_cache_size,
      rememberDropped: sampler.decision_cache.non_sampled_cache_size,
      voters,
    },
    write: {
      database: write.database,
      batchRows: write.batch_rows,
      batchBytes: write.batch_bytes,
      lingerMs: durationMs(write.linger),
      queueBytes: write.queue_bytes,
      timeoutMs: durationMs(write.timeout),
      backoffMaxMs: durationMs(write.backoff_max),
    },
    metricsForward: file.metrics.forward ?? null,
    shutdownMs: durationMs(file.shutdown.timeout),
  };
};

/**
 * Checks a parsed configuration file (null or {}: all defaults) against the schema, the policies that ship and the
 * rules between fields.
 */
export const check = (document: unknown, policies: readonly Policy[]): Checked => {
  const given: unknown = document ?? {};
  if (!isRecord(given)) {
    return {
      kind: 'bad',
      problems: [{ path: [], atKey: false, message: 'must be a mapping of keys to values' }],
    };
  }
  // Null stands for a key without a value (`sampler:`): the defaults.
  const present = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== null));
  const file: unknown = Value.Default(schema, structuredClone(present));
  // A union complains about each of its forms; only complaints about the form that was meant are worth reading.
  const problems = explain(
    [...validator.Errors(file)].filter(
      ({ keyword, instancePath }) =>
        !(instancePath === '/members' && (keyword === 'const' || keyword === 'type')),
    ),
    [],
  );
  const { members = 'builtin' } = present;
  if (members !== 'builtin' && !Array.isArray(members)) {
    const message = "must be 'builtin' or a list of members";
    problems.push({ path: ['members'], atKey: false, message });
  }
  const voters = checkPolicies(namedPolicies(file), policies, problems);
  if (!validator.Check(file)) return { kind: 'bad', problems };
  if (file.members !== 'builtin') {
    const names = new Set<string>();
    for (const [i, { name }] of file.members.entries()) {
      if (names.has(name)) {
        const message = `another member is named '${name}'`;
        problems.push({ path: ['members', i, 'name'], atKey: false, message });
      }
      names.add(name);
    }
  }
  return problems.length > 0
    ? { kind: 'bad', problems }
    : { kind: 'ok', config: toConfig(file, voters) };
};
