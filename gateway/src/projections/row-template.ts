/**
 * Of the columns of a row some twenty differ from one call of its kind to the next. A template has the text between them, made
 * once; a row is that and their values. It is what the whole projection (`row.ts`) makes, a test says, at a fraction of its cost.
 */
import {
  chargeTypes,
  expiringColumns,
  lastingColumns,
  tokenTypes,
  type CallColumn,
} from '../contract/ledger.ts';
import { ByteText } from '../model/byte-text.ts';
import type { Caller } from '../model/call.ts';
import { noMoney } from '../model/money.ts';
import type { Attempt } from '../model/settlement.ts';
import { projectionOf, type Projection, type RowSource, type Value } from './row-columns.ts';
import {
  attemptShape,
  callShape,
  hasAttemptShape,
  hasCallShape,
  type AttemptShape,
  type CallShape,
} from './row-shape.ts';

/** Kinds of calls that are remembered for one caller; the one that came first goes first. */
const templatesPerCaller = 16;

/** A value that differs, and the text before it. */
interface Piece {
  readonly before: Uint8Array;
  readonly value: (row: RowSource, attempt: Attempt) => Value;
  /** Of letters and digits that JSON leaves as they are; its quotes are in the text around it. */
  readonly isPlain: boolean;
}

/** The inside of a JSON array. */
export interface Pieces {
  readonly pieces: readonly Piece[];
  readonly after: Uint8Array;
}

/** For calls of one attempt, without units. */
interface RowTemplate {
  readonly call: CallShape;
  readonly attempt: AttemptShape;
  /** Charge types that it has tokens or money of, a bit each. */
  readonly charged: number;
  readonly lasting: Pieces;
  readonly expiring: Pieces;
}

/** Digits, a dot, hex and hyphens. */
const plainColumns: ReadonlySet<CallColumn> = new Set<CallColumn>([
  'started_at',
  'call_id',
  'trace_id',
  'span_id',
]);

/** Of a call of one attempt and without units, these follow from the attempt's shape. */
const steadyOfOne: ReadonlySet<CallColumn> = new Set<CallColumn>([
  'waste_reason',
  'usage_source',
  'price_status',
  'units',
  'unit_costs',
  'attempts.other_units',
]);

/** Where nothing was wasted. */
const ofWaste: ReadonlySet<CallColumn> = new Set<CallColumn>([
  'waste_input_tokens',
  'waste_output_tokens',
  'waste_usd',
]);

/** Columns of a charge type are 0 in all calls that have nothing of it. */
const chargeOf: ReadonlyMap<CallColumn, number> = new Map([
  ...tokenTypes.flatMap((type, i): [CallColumn, number][] => [
    [type, i],
    [`attempts.${type}`, i],
  ]),
  ...chargeTypes.map((type, i): [CallColumn, number] => [`attempts.cost_${type}`, i]),
]);

const chargedIn = ({ usage: { tokens }, charge: { costs } }: Attempt): number => {
  let bits = 0;
  for (let i = 0; i < tokenTypes.length; i += 1) {
    const type = tokenTypes[i];
    if (type !== undefined && tokens[type] !== 0) bits |= 1 << i;
  }
  for (let i = 0; i < chargeTypes.length; i += 1) {
    const type = chargeTypes[i];
    if (type !== undefined && (costs[type] ?? noMoney) !== noMoney) bits |= 1 << i;
  }
  return bits;
};

const isSteady = (
  column: CallColumn,
  { from }: Projection,
  { attempt, charged }: Pick<Sample, 'attempt' | 'charged'>,
): boolean => {
  if (from === 'call_shape' || from === 'attempt_shape') return true;
  if (steadyOfOne.has(column)) return true;
  if (ofWaste.has(column)) return attempt.wasteReason === '';
  const charge = chargeOf.get(column);
  return charge !== undefined && (charged & (1 << charge)) === 0;
};

interface Sample {
  readonly row: RowSource;
  readonly one: Attempt;
  readonly call: CallShape;
  readonly attempt: AttemptShape;
  readonly charged: number;
}

/** What a column holds for a call of one attempt; of a list of attempts, its one value. */
const valueOf = (projection: Projection, { call, attempt }: Sample): Piece['value'] => {
  switch (projection.from) {
    case 'call_shape':
      return () => projection.project(call, attempt);
    case 'attempt_shape':
      return () => projection.project(attempt);
    case 'call':
      return projection.project;
    case 'attempt':
      return (_row, one) => projection.project(one);
  }
};

/** The pieces of some columns, made from the first call of its kind. */
const piecesOf = (columns: readonly CallColumn[], sample: Sample): Pieces => {
  const pieces: Piece[] = [];
  const text = new ByteText();
  const taken = (): Uint8Array => {
    const bytes = Uint8Array.from(text.view(0));
    text.cut(0);
    return bytes;
  };
  for (const [i, column] of columns.entries()) {
    const projection = projectionOf(column);
    const value = valueOf(projection, sample);
    const isList = projection.from === 'attempt' || projection.from === 'attempt_shape';
    text.ascii(`${i === 0 ? '' : ','}${isList ? '[' : ''}`);
    if (isSteady(column, projection, sample)) putValue(text, value(sample.row, sample.one));
    else {
      const isPlain = plainColumns.has(column);
      if (isPlain) text.ascii('"');
      pieces.push({ before: taken(), value, isPlain });
      if (isPlain) text.ascii('"');
    }
    if (isList) text.ascii(']');
  }
  return { pieces, after: taken() };
};

const putValue = (out: ByteText, value: Value): void => {
  if (typeof value === 'bigint') {
    out.ascii('"');
    out.usd(value);
    out.ascii('"');
  } else out.json(value);
};

/** Puts the values of some columns of a row down. */
export const putPieces = (
  out: ByteText,
  { pieces, after }: Pieces,
  row: RowSource,
  attempt: Attempt,
): void => {
  for (const { before, value, isPlain } of pieces) {
    out.copy(before);
    const of = value(row, attempt);
    if (isPlain && typeof of === 'string') out.ascii(of);
    else putValue(out, of);
  }
  out.copy(after);
};

/** Without a list of its names, which nearly always would be an empty one. */
const hasNone = (record: Readonly<Record<string, unknown>>): boolean => {
  let letters = 0;
  for (const name in record) letters += name.length + 1;
  return letters === 0;
};

/** Templates of callers that are busy now; a reload makes new ones, and these go with the old. */
export class RowTemplates {
  readonly #byCaller = new WeakMap<Caller, RowTemplate[]>();

  /** The template for a row; null: it is none of the many. */
  of(row: RowSource): RowTemplate | null {
    const { caller } = row.settlement.call;
    const [one, other] = row.settlement.attempts;
    if (caller === null || one === undefined || other !== undefined) return null;
    const { charge, usage } = one;
    if (charge.otherUnits !== 0 || !hasNone(usage.units) || !hasNone(charge.unitCosts)) return null;
    const charged = chargedIn(one);
    let known = this.#byCaller.get(caller);
    if (known === undefined) this.#byCaller.set(caller, (known = []));
    for (const template of known)
      if (
        template.charged === charged &&
        hasAttemptShape(template.attempt, one) &&
        hasCallShape(template.call, row.settlement, row.replica)
      )
        return template;
    const call = callShape(row.settlement, row.replica);
    const attempt = attemptShape(one);
    const sample = { row, one, call, attempt, charged };
    const template = {
      call,
      attempt,
      charged,
      lasting: piecesOf(lastingColumns, sample),
      expiring: piecesOf(expiringColumns, sample),
    };
    if (known.length >= templatesPerCaller) known.shift();
    known.push(template);
    return template;
  }
}
