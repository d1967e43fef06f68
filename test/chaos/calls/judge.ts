/** Holds client, provider and ledger against each other, call by call. Pure: rows come one at a time, in any order. */
import { picodollars } from '../../e2e/ledger-reader.ts';
import { sidesOf, type Asked, type Row, type RowAttempt, type Tried } from './evidence.ts';
import { permitted, type Ending } from './permitted.ts';
import { costOf } from './prices.ts';

/**
 * - `missing`: a call that a provider served, or an attempt of it, is not in the ledger
 * - `double`: a call has several rows
 * - `contradicting`: a row has another cost or other tokens than was told, or a cost that is none of its tokens
 * - `outcome`: a row ends otherwise than its client or its provider saw
 * - `stranger`: a row of no call that was made
 */
export const findingKinds = ['missing', 'double', 'contradicting', 'outcome', 'stranger'] as const;
export type FindingKind = (typeof findingKinds)[number];

export interface Finding {
  readonly kind: FindingKind;
  readonly trace: string;
  readonly why: string;
}

/** A stretch of the wall clock, epoch milliseconds. */
export interface Span {
  readonly fromMs: number;
  readonly untilMs: number;
}

export interface Evidence {
  /** By trace; one call each. */
  readonly asked: ReadonlyMap<string, Asked>;
  /** By trace, in the order in which they reached a provider. */
  readonly tried: ReadonlyMap<string, readonly Tried[]>;
  /** When the gateway was killed, in order: from the signal until it was gone. */
  readonly kills: readonly Span[];
  /** Signs of life of the gateway, from asked to answered. */
  readonly signs: readonly Span[];
  /** When the disk was full; each begins when it was filled and ends when the gateway had room again for sure. */
  readonly full: readonly Span[];
}

/** Sums over all rows, money in pico-dollars: what every table and view beside them must come to. */
export interface Totals {
  calls: number;
  attempts: number;
  answered: number;
  cost: bigint;
  waste: bigint;
  input: number;
  output: number;
  taggedCalls: number;
  taggedCost: bigint;
}

export interface Judged {
  /** How many there are of each kind. */
  readonly counts: Readonly<Record<FindingKind, number>>;
  /** The first of them. */
  readonly findings: readonly Finding[];
  readonly totals: Readonly<Totals>;
  readonly outcomes: ReadonlyMap<string, number>;
  /** Costs and usages that clients were told, and that their rows agree with. */
  readonly costsTold: number;
  readonly usagesTold: number;
  /** Rows of killed calls that say less than a client read in its stream before the kill; they say that they are estimates. */
  readonly toldAndEstimated: number;
}

const mostFindings = 200;

/**
 * What the gateway knew when it answered so many signs of life one after the other is written: it hears of it in the turn of the event loop of
 * the first at the latest, settles at the end of that turn and writes at the end of the next.
 */
const turnsToWrite = 3;

/** The first that is not over before a moment, or, by its beginning, the first after it; of spans in order. */
const firstAfter = (spans: readonly Span[], edge: keyof Span, ms: number): number => {
  let [low, high] = [0, spans.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((spans[middle]?.[edge] ?? Infinity) < ms) low = middle + 1;
    else high = middle;
  }
  return low;
};

/** Whether there is a kill in a stretch of time. */
const killedIn = (kills: readonly Span[], { fromMs, untilMs }: Span): boolean =>
  (kills[firstAfter(kills, 'untilMs', fromMs)]?.fromMs ?? Infinity) <= untilMs;

/** When a row of what the gateway knew at a moment is written for sure; never: Infinity. */
const whenWritten = (signs: readonly Span[]): ((ms: number) => number) => {
  const sorted = signs.toSorted((a, b) => a.fromMs - b.fromMs);
  /** The first answer among those asked for from here on. */
  const answered: number[] = [];
  for (let i = sorted.length - 1; i >= 0; i -= 1)
    answered[i] = Math.min(sorted[i]?.untilMs ?? Infinity, answered[i + 1] ?? Infinity);
  return (ms) => {
    let atMs = ms;
    // Of the same millisecond is not after it.
    for (let turns = 0; turns < turnsToWrite; turns += 1)
      atMs = answered[firstAfter(sorted, 'fromMs', atMs + 1)] ?? Infinity;
    return atMs;
  };
};

/** One by one, requests and attempts that belong together; a text says what cannot be. */
const aligned = (
  { attempts, outcome }: Row,
  tries: readonly Tried[],
): readonly (readonly [RowAttempt, Tried])[] | string => {
  const surplus = attempts.length - tries.length;
  if (surplus < 0) return `${tries.length} requests were served, ${attempts.length} are in the row`;
  const last = attempts.at(-1);
  // What was written down, and perhaps sent, and never read by a provider: the gateway or the client went first.
  const isCutShort =
    surplus === 1 &&
    last?.status === 0 &&
    (outcome === 'crashed' || outcome === 'abandoned' || outcome === 'throttled');
  // A connection that its server had closed: nothing was read, nothing is paid.
  const unread = ({ status, source }: RowAttempt): boolean => status === 0 && source === 'none';
  const kept = isCutShort
    ? attempts.slice(0, -1)
    : surplus === 0
      ? attempts
      : attempts.filter((one) => !unread(one));
  if (kept.length !== tries.length)
    return `${attempts.length} attempts are in the row, ${tries.length} requests were served`;
  const pairs: (readonly [RowAttempt, Tried])[] = [];
  for (const [i, attempt] of kept.entries()) {
    const tried = tries[i];
    if (tried !== undefined) pairs.push([attempt, tried]);
  }
  return pairs;
};

/** What is wrong with an attempt, given what its provider did; null: nothing. */
const wrongFacts = (attempt: RowAttempt, tried: Tried): string | null => {
  const { provider, status, error } = attempt;
  if (provider !== tried.provider) return `it names ${provider}, and ${tried.provider} served it`;
  if (status !== 0 && status !== tried.status)
    return `it has status ${status}, the provider sent ${tried.status}`;
  if (error === '' && tried.end !== 'whole' && tried.end !== 'stopped')
    return `it is without an error, and the reply was not whole (${tried.end})`;
  return null;
};

/** What is wrong with its tokens; null: nothing. */
const wrongTokens = ({ error, source, tokens }: RowAttempt, tried: Tried): string | null => {
  const isSame = JSON.stringify(tokens) === JSON.stringify(tried.tokens);
  if (source === 'provider' && !(isSame && tried.isTold))
    return `it says that ${JSON.stringify(tokens)} are the provider's count, which is ${JSON.stringify(tried.tokens)}`;
  const mustKnow = error === '' && tried.tokens !== null && tried.isTold;
  return mustKnow && source !== 'provider'
    ? `its count is ${source}, and the provider told it`
    : null;
};

/** What is wrong with its cost; null: nothing. */
const wrongCost = (
  { status, source, priceStatus, cost, tokens }: RowAttempt,
  tried: Tried,
): string | null => {
  // A gateway that was killed before it heard the refusal has to guess.
  if (tried.end === 'refused' && status !== 0 && cost !== 0n)
    return `it costs ${cost}, and was refused`;
  if (source === 'none') return cost === 0n ? null : `it costs ${cost}, for nothing`;
  const price = costOf(tried.provider, tokens);
  if (cost !== price) return `it costs ${cost}, its tokens cost ${String(price)}`;
  return priceStatus === 'priced' ? null : `its price is ${priceStatus}`;
};

const wrongAttempt = (attempt: RowAttempt, tried: Tried): string | null =>
  wrongFacts(attempt, tried) ?? wrongTokens(attempt, tried) ?? wrongCost(attempt, tried);

export class Judge {
  readonly #evidence: Evidence;
  readonly #whenWritten: (ms: number) => number;
  readonly #seen = new Set<string>();
  readonly #callIds = new Set<string>();
  readonly #findings: Finding[] = [];
  readonly #counts: Record<FindingKind, number> = {
    missing: 0,
    double: 0,
    contradicting: 0,
    outcome: 0,
    stranger: 0,
  };
  readonly #outcomes = new Map<string, number>();
  readonly #told = { costs: 0, usages: 0, estimated: 0 };
  readonly #totals: Totals = {
    calls: 0,
    attempts: 0,
    answered: 0,
    cost: 0n,
    waste: 0n,
    input: 0,
    output: 0,
    taggedCalls: 0,
    taggedCost: 0n,
  };

  constructor(evidence: Evidence) {
    this.#evidence = evidence;
    this.#whenWritten = whenWritten(evidence.signs);
  }

  /** A row of the ledger; each that the table shows, also one that is there twice. */
  row(row: Row): void {
    this.#add(row);
    const { trace, callId } = row;
    if (this.#seen.has(trace) || this.#callIds.has(callId))
      return this.#find('double', trace, `call ${callId} has another row (${row.outcome})`);
    this.#seen.add(trace);
    this.#callIds.add(callId);
    const asked = this.#evidence.asked.get(trace);
    if (asked === undefined)
      return this.#find('stranger', trace, `call ${callId} (${row.outcome}) was made by nobody`);
    const tries = this.#evidence.tried.get(trace) ?? [];
    this.#judgeEnding(asked, tries, row.outcome);
    this.#judgeAnswer(asked, row);
    this.#judgeAttempts(row, tries);
    this.#judgeTold(asked, row);
  }

  /** All rows have been seen: what has none? */
  end(): Judged {
    const { asked, tried } = this.#evidence;
    for (const [trace, tries] of tried)
      if (!this.#seen.has(trace))
        this.#find('missing', trace, `${tries.length} requests were served, and there is no row`);
    for (const [trace, one] of asked)
      if (!this.#seen.has(trace) && !tried.has(trace)) this.#judgeEnding(one, [], 'no row');
    return {
      counts: this.#counts,
      findings: this.#findings,
      totals: this.#totals,
      outcomes: this.#outcomes,
      costsTold: this.#told.costs,
      usagesTold: this.#told.usages,
      toldAndEstimated: this.#told.estimated,
    };
  }

  #find(kind: FindingKind, trace: string, why: string): void {
    this.#counts[kind] += 1;
    if (this.#findings.length < mostFindings) this.#findings.push({ kind, trace, why });
  }

  #add({ outcome, cost, waste, attempts, tagged }: Row): void {
    const totals = this.#totals;
    this.#outcomes.set(outcome, (this.#outcomes.get(outcome) ?? 0) + 1);
    totals.calls += 1;
    totals.attempts += attempts.length;
    if (outcome === 'answered') totals.answered += 1;
    totals.cost += cost;
    totals.waste += waste;
    for (const { tokens } of attempts) {
      const { input, output } = sidesOf(tokens);
      totals.input += input;
      totals.output += output;
    }
    if (!tagged) return;
    totals.taggedCalls += 1;
    totals.taggedCost += cost;
  }

  #judgeEnding(asked: Asked, tries: readonly Tried[], ending: Ending): void {
    const { trace, startedAtMs, endedAtMs, end, status, code, costUsd } = asked;
    const { kills, full } = this.#evidence;
    const span = full.find(
      ({ fromMs, untilMs }) => startedAtMs <= untilMs && this.#whenWritten(endedAtMs) >= fromMs,
    );
    // A row that the disk refuses is held until there is room.
    const writtenMs = this.#whenWritten(Math.max(endedAtMs, span?.untilMs ?? 0));
    const last = tries.at(-1)?.end ?? null;
    const killed = killedIn(kills, { fromMs: startedAtMs, untilMs: writtenMs });
    const seen = {
      client: end,
      heard: status !== 0,
      code,
      costTold: costUsd !== null,
      last,
      killed,
      full: span !== undefined,
    };
    const allowed = permitted(seen);
    if (allowed.has(ending)) return;
    const kind = ending === 'no row' ? 'missing' : 'outcome';
    const saw = `${end} ${status} ${code}`.trimEnd();
    this.#find(
      kind,
      trace,
      `${ending}; its client saw ${saw}, its provider ${last ?? 'nothing'}${killed ? ', the gateway was killed' : ''}${span === undefined ? '' : ', the disk was full'}: ${allowed.size === 0 ? 'nothing' : [...allowed].join(' or ')} would agree`,
    );
  }

  /** What the reply said of itself is in the row. */
  #judgeAnswer({ trace, end, status, code, callId }: Asked, row: Row): void {
    if (callId !== '' && callId !== row.callId)
      this.#find('outcome', trace, `the reply was of call ${callId}, the row is of ${row.callId}`);
    if (row.outcome === 'crashed') return;
    if ((end === 'whole' || end === 'error') && status !== row.status)
      this.#find('outcome', trace, `the reply had status ${status}, the row ${row.status}`);
    if (end === 'error' && code !== row.code)
      this.#find('outcome', trace, `the reply had code ${code}, the row ${row.code}`);
  }

  #judgeAttempts(row: Row, tries: readonly Tried[]): void {
    const { trace, attempts, outcome, cost } = row;
    const pairs = aligned(row, tries);
    if (typeof pairs === 'string')
      return this.#find(
        attempts.length < tries.length ? 'missing' : 'contradicting',
        trace,
        `${outcome}: ${pairs}`,
      );
    for (const [i, [attempt, tried]] of pairs.entries()) {
      const wrong = wrongAttempt(attempt, tried);
      if (wrong !== null)
        this.#find('contradicting', trace, `${outcome}, attempt ${i + 1}: ${wrong}`);
    }
    const sum = attempts.reduce((total, attempt) => total + attempt.cost, 0n);
    if (sum !== cost)
      this.#find('contradicting', trace, `the row costs ${cost}, its attempts ${sum}`);
    const [last] = attempts.slice(-1);
    if (outcome === 'answered' && last?.error !== '')
      this.#find('contradicting', trace, `answered by an attempt with error ${last?.error}`);
  }

  #judgeTold({ trace, costUsd, usage }: Asked, { outcome, cost, attempts }: Row): void {
    if (costUsd !== null) {
      this.#told.costs += 1;
      if (picodollars(costUsd) !== cost)
        this.#find(
          'contradicting',
          trace,
          `${outcome}: its client was told ${costUsd}, the row costs ${cost} pico-dollars`,
        );
    }
    const last = attempts.at(-1);
    if (usage === null || last === undefined) return;
    this.#told.usages += 1;
    const { input, output } = sidesOf(last.tokens);
    if (input === usage.input && output === usage.output) return;
    if (outcome === 'crashed' && last.source !== 'provider') {
      this.#told.estimated += 1;
      return;
    }
    this.#find(
      'contradicting',
      trace,
      `${outcome}: its client read ${usage.input} and ${usage.output} tokens, the row has ${input} and ${output}`,
    );
  }
}
