/** What the spool remembers of a call that has not ended, and how a call that never ended is accounted for. */
import { outcomes } from '../../contract/outcomes.ts';
import type { UsageSource } from '../../contract/ledger.ts';
import { charge, dimensionsOf, noCharge, type PriceTable } from '../../decide/price.ts';
import type { Target } from '../../model/call.ts';
import { toPicodollars, type Picodollars } from '../../model/money.ts';
import type { Attempt, CallFacts, Charge, Settlement } from '../../model/settlement.ts';
import { intentFrom, type StoredIntent } from './stored-intent.ts';
import { noTokens, noUsage, outputTokens, type Dimensions, type Usage } from '../../model/usage.ts';

/** The intent entry: enough to write the row of a call of which nothing more is ever heard. */
export interface Intent {
  readonly call: CallFacts;
  readonly target: Target;
  readonly account: string;
  readonly genAiProvider: string;
  readonly estimatedInputTokens: number;
}

/** A further attempt: how the last one ended, and where the next one goes. */
export interface Further {
  readonly previous: Attempt;
  readonly next: Pick<Intent, 'target' | 'account' | 'genAiProvider'>;
}

/** Progress of a stream. */
export interface Progress {
  /** Since the call's start. */
  readonly elapsedMs: number;
  /** Output tokens counted so far, roughly. */
  readonly outputTokens: number;
  /** What the provider has said of its usage; null: nothing yet. */
  readonly said: Usage | null;
}

/** JSON of the progress of a call whose reply is whole: the account of its last attempt, which its client is told now. */
export const wholeJson = (elapsedMs: number, attempt: Attempt): string =>
  `{"elapsedMs":${elapsedMs},"outputTokens":0,"said":null,"attempt":${attemptJson(attempt)}}`;

/** JSON of an attempt; money as text, because JSON has no integers of that size. */
export const attemptJson = (attempt: Attempt): string =>
  JSON.stringify(attempt, (_key, value: unknown) =>
    typeof value === 'bigint' ? value.toString() : value,
  );

type Texts = Readonly<Record<string, string>>;
type StoredAttempt = Omit<Attempt, 'charge' | 'dimensions'> & {
  /** What is optional here, entries of earlier versions do not have. */
  readonly dimensions?: Dimensions;
  readonly charge: Omit<Charge, 'costs' | 'total' | 'list' | 'cacheSaved' | 'unitCosts'> & {
    readonly costs: Texts;
    readonly total: string;
    readonly list?: string;
    readonly cacheSaved?: string;
    readonly unitCosts?: Texts;
  };
};

/** Progress as it is read again. */
type Kept = Progress & { readonly attempt?: StoredAttempt };
/** Entries of earlier versions say nothing of usage. */
type StoredProgress = Omit<Kept, 'said'> & { readonly said?: Usage | null };

/** What entries of earlier versions call something else. */
const earlierNames: ReadonlyMap<string, string> = new Map([
  ['ask', 'parameters'],
  ['system', 'genAiProvider'],
  ['input_cache_write_5m', 'input_cache_write'],
  ['input_cache_write_1h', 'input_cache_write_long'],
]);

const renamed = <T extends object>(stored: T): T =>
  Object.keys(stored).some((name) => earlierNames.has(name))
    ? // Only names change.
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion
      (Object.fromEntries(
        Object.entries(stored).map(([name, value]) => [earlierNames.get(name) ?? name, value]),
      ) as T)
    : stored;

const usageOf = (stored: Usage): Usage => ({ ...stored, tokens: renamed(stored.tokens) });

const amount = (text: string): Picodollars => toPicodollars(BigInt(text));
const amounts = (texts: Texts): Readonly<Record<string, Picodollars>> =>
  Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, amount(text)]));

/** Undoes `attemptJson` after `JSON.parse`. */
const revived = (stored: StoredAttempt): Attempt => {
  const { charge, usage, dimensions = {}, ...rest } = renamed(stored);
  return {
    ...rest,
    usage: usageOf(usage),
    dimensions,
    charge: {
      ...charge,
      total: amount(charge.total),
      list: amount(charge.list ?? charge.total),
      cacheSaved: amount(charge.cacheSaved ?? '0'),
      costs: amounts(renamed(charge.costs)),
      unitCosts: amounts(charge.unitCosts ?? {}),
    },
  };
};

/** An open call as its entries tell it, in the order they were written. */
export interface OpenCall {
  readonly intent: string;
  readonly further: readonly string[];
  readonly progress: string | null;
  /** The request of its last attempt went onto a connection. */
  readonly sent: boolean;
  /** A damaged line may have been its close. */
  readonly uncertain: boolean;
}

/** As earlier versions wrote it; still earlier ones had no route. */
type Stored = Omit<Intent, 'call'> & {
  readonly call: Omit<CallFacts, 'route'> & { readonly route?: string };
};

const isList = (stored: StoredIntent | Stored): stored is StoredIntent => Array.isArray(stored);

// Our own entries, protected by their checksum: their shape is what this file wrote.
// oxlint-disable typescript/no-unsafe-type-assertion
export const parseIntent = (json: string): Intent => {
  const stored = JSON.parse(json) as StoredIntent | Stored;
  if (isList(stored)) return intentFrom(stored);
  const { call, ...rest } = renamed(stored);
  return { ...rest, call: { ...renamed(call), route: call.route ?? '' } };
};
const parseFurther = (json: string): { previous: StoredAttempt; next: Further['next'] } => {
  const { previous, next } = JSON.parse(json) as { previous: StoredAttempt; next: Further['next'] };
  return { previous, next: renamed(next) };
};
const parseProgress = (json: string): Kept => {
  const { said = null, ...rest } = JSON.parse(json) as StoredProgress;
  return { ...rest, said: said === null ? null : usageOf(said) };
};
// oxlint-enable typescript/no-unsafe-type-assertion

/**
 * What an attempt that was cut off used: what the provider said, completed by what we counted, so never less than it
 * said. An attempt that never went out used nothing.
 */
const usageAtDeath = (
  { sent }: OpenCall,
  estimatedInputTokens: number,
  progress: Progress | null,
): { readonly usage: Usage; readonly source: UsageSource } => {
  if (progress === null) {
    const tokens = { ...noTokens, input_uncached: estimatedInputTokens };
    return sent
      ? { usage: { ...noUsage, tokens }, source: 'estimated' }
      : { usage: noUsage, source: 'none' };
  }
  // Entries of earlier versions do not have it.
  const said = progress.said ?? {
    ...noUsage,
    tokens: { ...noTokens, input_uncached: estimatedInputTokens },
  };
  const unsaid = Math.max(0, progress.outputTokens - outputTokens(said.tokens));
  const tokens = { ...said.tokens, output_text: said.tokens.output_text + unsaid };
  return { usage: { ...said, tokens }, source: 'partial' };
};

const deathWords = ({ sent, progress, uncertain }: OpenCall): string =>
  uncertain
    ? 'the record of how this call ended is damaged'
    : sent || progress !== null
      ? 'the gateway died during this attempt'
      : 'the gateway died before this attempt was sent';

/** An attempt that was cut off, as far as is known: no answer of it is on record, so its status is 0. */
const guessed = (
  open: OpenCall,
  intent: Intent,
  { target, account, genAiProvider }: Further['next'],
  { progress, offsetMs, prices }: { progress: Kept | null; offsetMs: number; prices: PriceTable },
): Attempt => {
  const { usage, source } = usageAtDeath(open, intent.estimatedInputTokens, progress);
  const price = prices.find(
    target.provider,
    { asked: target.model, answered: target.model },
    intent.call.startedAtMs,
  );
  const asked = intent.call.parameters?.dimensions ?? {};
  const dimensions = dimensionsOf(asked, target.model, usage.dimensions);
  return {
    target,
    genAiProvider,
    account,
    region: '',
    serverAddress: '',
    serverPort: 0,
    spanId: '',
    status: 0,
    error: 'network',
    errorMessage: deathWords(open),
    offsetMs,
    durationMs: Math.max(offsetMs, progress?.elapsedMs ?? 0) - offsetMs,
    firstTokenMs: null,
    modelAnswered: target.model,
    upstreamId: '',
    finishReason: '',
    usage,
    usageSource: source,
    dimensions,
    charge: source === 'none' ? noCharge : charge(usage, price, dimensions),
    wasteReason: source === 'none' ? '' : 'abandoned',
    chunks: 0,
    maxGapMs: 0,
  };
};

/** Time between attempts, of which waiting is nearly all. */
const between = (attempts: readonly Attempt[]): number =>
  attempts.reduce((sum, { offsetMs }, i) => {
    const previous = attempts[i - 1];
    return previous === undefined
      ? sum
      : sum + Math.max(0, offsetMs - previous.offsetMs - previous.durationMs);
  }, 0);

/**
 * The settlement of a call whose process died, or whose close is damaged: `crashed`, priced at what was known. What was
 * told to a client while its reply was on the way is known to the last digit.
 */
export const crashSettlement = (open: OpenCall, prices: PriceTable): Settlement => {
  const intent = parseIntent(open.intent);
  const further = open.further.map(parseFurther);
  const progress = open.progress === null ? null : parseProgress(open.progress);
  const ended = further.map(({ previous }) => revived(previous));
  const offsetMs = ended.reduce((latest, a) => Math.max(latest, a.offsetMs + a.durationMs), 0);
  const errorMessage = deathWords(open);
  const last: Attempt =
    progress?.attempt === undefined
      ? guessed(open, intent, further.at(-1)?.next ?? intent, { progress, offsetMs, prices })
      : {
          ...revived(progress.attempt),
          error: 'network',
          errorMessage,
          wasteReason: 'abandoned',
        };
  const attempts = [...ended, last];
  return {
    call: intent.call,
    outcome: 'crashed',
    httpStatus: outcomes.crashed.status,
    errorCode: open.uncertain ? 'record_damaged' : 'internal_error',
    errorOrigin: 'gateway',
    errorMessage,
    attempts,
    durationMs: Math.max(offsetMs, progress?.elapsedMs ?? 0),
    firstTokenMs: null,
    providerMs: attempts.reduce((sum, { durationMs }) => sum + durationMs, 0),
    waitMs: between(attempts),
    streamOutcome: intent.call.parameters?.stream === true ? 'cut' : '',
    cacheStatus: 'off',
    priceVersion: prices.version,
  };
};
