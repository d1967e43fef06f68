import type { Static, TSchema } from 'typebox';
import type { Config, Timeouts } from './config.ts';
import { isMap, type Context } from './context.ts';
import type { Path } from './document.ts';
import { sections } from './schema.ts';
import { shaped } from './shape.ts';
import { boundedBytes, boundedMs } from './units.ts';

type Root = Readonly<Record<string, unknown>>;

const largestBody = 2 ** 30;
const largestSpool = 2 ** 44;
const largestReserve = 2 ** 33;
/** Of what a power cut may take. */
const longestSyncMs = 1000;

/** Reads one section's texts with units, complaining about what is out of bounds. */
const readers = (section: string, { complaints }: Context) => ({
  ms: (field: string, text: string, mostMs?: number) =>
    boundedMs(text, (message) => complaints.add([section, field], message), mostMs),
  bytes: (field: string, text: string, most: number) =>
    boundedBytes(text, most, (message) => complaints.add([section, field], message)),
});

const section = <S extends TSchema>(
  schema: S,
  name: string,
  root: Root,
  context: Context,
): Static<S> | null =>
  // `limits:` with nothing below it, or all of it commented out, is null and means "all defaults".
  shaped(schema, root[name] ?? {}, [name], context);

/** Past `hold` the client has the head of its reply, and no other target can take over. */
export const checkFirstContent = (
  { firstContentMs, holdMs }: Timeouts,
  at: Path,
  { complaints }: Context,
): void => {
  if (firstContentMs === null || firstContentMs <= holdMs || complaints.under(at)) return;
  complaints.add([...at, 'firstContent'], `must not be longer than hold, which is ${holdMs} ms`);
};

/** Waits that end within `total`, or never do. */
const within = { connect: 'connectMs', firstByte: 'firstByteMs', idle: 'idleMs' } as const;

/** Complains when `total` is said beside a wait that it makes meaningless. `said`: the map as it stands in the file. */
export const checkTotal = (
  said: unknown,
  timeouts: Timeouts,
  at: Path,
  { complaints }: Context,
): void => {
  if (!isMap(said) || said['total'] === undefined || complaints.under(at)) return;
  for (const [name, field] of Object.entries(within)) {
    if (said[name] === undefined || timeouts[field] <= timeouts.totalMs) continue;
    const message = `must not be shorter than ${name}, which is ${timeouts[field]} ms`;
    complaints.add([...at, 'total'], message);
  }
};

/** Every provider's waits, unless it says otherwise; all defaults when they cannot be read. */
export const readTimeouts = (root: Root, context: Context): Timeouts => {
  const given = section(sections.timeouts, 'timeouts', root, context);
  const { ms } = readers('timeouts', context);
  if (given === null)
    return { connectMs: 0, firstByteMs: 0, firstContentMs: null, holdMs: 0, idleMs: 0, totalMs: 0 };
  const timeouts = {
    connectMs: ms('connect', given.connect),
    firstByteMs: ms('firstByte', given.firstByte),
    firstContentMs:
      given.firstContent === undefined ? null : ms('firstContent', given.firstContent),
    holdMs: ms('hold', given.hold),
    idleMs: ms('idle', given.idle),
    totalMs: ms('total', given.total),
  };
  checkFirstContent(timeouts, ['timeouts'], context);
  checkTotal(root['timeouts'], timeouts, ['timeouts'], context);
  return timeouts;
};

/** What the gateway accepts. */
export const readLimits = (root: Root, context: Context): Config['limits'] | null => {
  const given = section(sections.limits, 'limits', root, context);
  const { ms, bytes } = readers('limits', context);
  return (
    given && {
      bodyBytes: bytes('body', given.body, largestBody),
      bodies: {
        totalBytes: bytes('bodiesInFlight', given.bodiesInFlight, largestSpool),
        bytesPerKey: bytes('bodiesPerKey', given.bodiesPerKey, largestSpool),
      },
      json: { values: given.bodyValues, depth: given.bodyDepth, keys: given.bodyKeys },
      replyBytes: bytes('reply', given.reply, largestBody),
      eventBytes: bytes('event', given.event, largestBody),
      callsInFlight: given.callsInFlight,
      requestMs: ms('request', given.request),
      slowReaderMs: ms('slowReader', given.slowReader),
      drainMs: ms('drain', given.drain),
      refusals: {
        all: given.refusals,
        perKey: given.refusalsPerKey,
        strangers: given.refusalsOfStrangers,
      },
      connections: given.connections,
      strangersPerAddress: given.strangersPerAddress,
      tagsPerCall: given.tagsPerCall,
      labelValues: given.labelValues,
      labelValuesPerKey: given.labelValuesPerKey,
    }
  );
};

/** How often and how soon to try again. */
export const readRetry = (root: Root, context: Context): Config['retry'] | null => {
  const given = section(sections.retry, 'retry', root, context);
  if (given === null) return null;
  const { ms } = readers('retry', context);
  const backoffBaseMs = ms('backoff', given.backoff);
  const backoffMaxMs = ms('backoffMax', given.backoffMax);
  if (backoffMaxMs < backoffBaseMs && !context.complaints.under(['retry'])) {
    context.complaints.add(
      ['retry', 'backoffMax'],
      `must not be shorter than backoff, which is ${given.backoff}`,
    );
  }
  return {
    triesPerTarget: given.triesPerTarget,
    triesPerCall: given.triesPerCall,
    backoffBaseMs,
    backoffMaxMs,
    billed: given.billed,
  };
};

/** How calls are spooled. */
export const readLedger = (root: Root, context: Context): Config['ledger'] | null => {
  const given = section(sections.ledger, 'ledger', root, context);
  if (given === null) return null;
  const { ms, bytes } = readers('ledger', context);
  const segmentBytes = bytes('segmentSize', given.segmentSize, largestBody);
  const maxSpoolBytes = bytes('maxSpool', given.maxSpool, largestSpool);
  if (maxSpoolBytes < segmentBytes && !context.complaints.under(['ledger'])) {
    context.complaints.add(
      ['ledger', 'maxSpool'],
      `must not be smaller than segmentSize, which is ${given.segmentSize}`,
    );
  }
  return {
    segmentCloses: given.segmentCloses,
    segmentBytes,
    segmentAgeMs: ms('segmentAge', given.segmentAge),
    syncMs: ms('sync', given.sync, longestSyncMs),
    maxSpoolBytes,
    maxRefusalBytes: bytes('maxRefusals', given.maxRefusals, largestSpool),
    reserveBytes: bytes('reserve', given.reserve, largestReserve),
    keepShippedMs: ms('keepShipped', given.keepShipped),
    reconcileMs: ms('reconcile', given.reconcile),
  };
};

/** Spans and metrics; `otherwise` is the environment's endpoint. */
export const readTelemetry = (
  root: Root,
  otherwise: string | null,
  context: Context,
): Config['telemetry'] | null => {
  const given = section(sections.telemetry, 'telemetry', root, context);
  if (given === null) return null;
  const { ms } = readers('telemetry', context);
  if (given.spanBatch > given.spanQueue && !context.complaints.under(['telemetry'])) {
    context.complaints.add(
      ['telemetry', 'spanBatch'],
      `must not be more than spanQueue, which is ${given.spanQueue}`,
    );
  }
  const otlpEndpoint = given.otlpEndpoint === undefined ? otherwise : given.otlpEndpoint;
  if (otlpEndpoint !== null && !/^https?:\/\/[^/?#@]+\/?$/.test(otlpEndpoint)) {
    const what = given.otlpEndpoint === undefined ? 'TOLLGATE_OTLP_ENDPOINT ' : '';
    context.complaints.add(
      ['telemetry', 'otlpEndpoint'],
      `${what}must be an address such as http://127.0.0.1:4317, without a path or a password`,
    );
  }
  return {
    serviceName: given.serviceName,
    otlpEndpoint,
    metricsIntervalMs: ms('metricsInterval', given.metricsInterval),
    spanQueue: given.spanQueue,
    spanBatch: given.spanBatch,
    spanDelayMs: ms('spanDelay', given.spanDelay),
    propagate: given.propagate,
  };
};

/** What is written to the log. */
export const readLog = (root: Root, context: Context): Config['log'] | null =>
  section(sections.log, 'log', root, context);
