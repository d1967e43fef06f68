/** What the spool remembers of a call that has not ended, and how a call that never ended is accounted for. */
import { outcomes } from '../../contract/outcomes.ts';
import type { UsageSource } from '../../contract/ledger.ts';
import { charge, dimensionsOf, noCharge, type PriceTable } from '../../decide/price.ts';
import type { Caller, Target } from '../../model/call.ts';
import { toPicodollars } from '../../model/money.ts';
import type { Attempt, CallFacts, Charge, Settlement } from '../../model/settlement.ts';
import { noTokens, noUsage, outputTokens, type Usage } from '../../model/usage.ts';

/** The intent entry: enough to write the row of a call of which nothing more is ever heard. */
export interface Intent {
  readonly call: CallFacts;
  readonly target: Target;
  readonly account: string;
  readonly system: string;
  readonly estimatedInputTokens: number;
}

/** Of callers that are busy now; a reload makes new ones, and these go with the old. */
const callerTexts = new WeakMap<Caller, string>();

const callerText = (caller: Caller | null): string => {
  if (caller === null) return 'null';
  let text = callerTexts.get(caller);
  if (text === undefined) callerTexts.set(caller, (text = JSON.stringify(caller)));
  return text;
};

/** JSON of an intent. The caller is the same for thousands of calls, so its part is made once. */
export const intentJson = ({ call, ...rest }: Intent): string => {
  const { id, startedAtMs, operation, dialect, caller, trace, identity, parameters } = call;
  const facts = JSON.stringify({
    id,
    startedAtMs,
    operation,
    dialect,
    trace,
    identity,
    parameters,
  });
  return `{"call":{"caller":${callerText(caller)},${facts.slice(1)},${JSON.stringify(rest).slice(1)}`;
};

/** A further attempt: how the last one ended, and where the next one goes. */
export interface Further {
  readonly previous: Attempt;
  readonly next: Pick<Intent, 'target' | 'account' | 'system'>;
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
type StoredAttempt = Omit<Attempt, 'charge'> & {
  readonly charge: Omit<Charge, 'costs' | 'total'> & {
    readonly costs: Texts;
    readonly total: string;
  };
};

/** Progress as it is read again. */
type Kept = Progress & { readonly attempt?: StoredAttempt };

/** Undoes `attemptJson` after `JSON.parse`. */
const revived = ({ charge: stored, ...rest }: StoredAttempt): Attempt => ({
  ...rest,
  charge: {
    ...stored,
    total: toPicodollars(BigInt(stored.total)),
    costs: Object.fromEntries(
      Object.entries(stored.costs).map(([meter, cost]) => [meter, toPicodollars(BigInt(cost))]),
    ),
  },
});

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

// Our own entries, protected by their checksum: their shape is what this file wrote.
// oxlint-disable typescript/no-unsafe-type-assertion
const parseIntent = (json: string): Intent => {
  const stored = JSON.parse(json) as Intent & { call: { ask?: CallFacts['parameters'] } };
  const { ask, ...call } = stored.call;
  // Entries of earlier versions call them `ask`.
  return ask === undefined ? stored : { ...stored, call: { ...call, parameters: ask } };
};
const parseFurther = (json: string): { previous: StoredAttempt; next: Further['next'] } =>
  JSON.parse(json) as { previous: StoredAttempt; next: Further['next'] };
const parseProgress = (json: string): Kept => JSON.parse(json) as Kept;
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
  { target, account, system }: Further['next'],
  { progress, offsetMs, prices }: { progress: Kept | null; offsetMs: number; prices: PriceTable },
): Attempt => {
  const { usage, source } = usageAtDeath(open, intent.estimatedInputTokens, progress);
  const price = prices.find(target.provider, target.model, intent.call.startedAtMs);
  const asked = intent.call.parameters?.dimensions ?? {};
  return {
    target,
    system,
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
    charge:
      source === 'none'
        ? noCharge
        : charge(usage, price, dimensionsOf(asked, target.model, usage.dimensions)),
    wasteReason: source === 'none' ? '' : 'abandoned',
    chunks: 0,
    maxGapMs: 0,
  };
};

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
    streamOutcome: intent.call.parameters?.stream === true ? 'cut' : '',
    cacheStatus: 'off',
    priceVersion: prices.version,
  };
};
