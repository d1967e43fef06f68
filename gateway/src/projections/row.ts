/** Settlement -> ledger row. Pure: what is remembered from row to row only saves work. */
import { expiringColumns, lastingColumns, type CallColumn } from '../contract/ledger.ts';
import type { ByteText } from '../model/byte-text.ts';
import type { Json } from '../model/json.ts';
import { usdText } from '../model/money.ts';
import type { Attempt } from '../model/settlement.ts';
import { projectionOf, type Projection, type RowSource, type Value } from './row-columns.ts';
import { attemptShape, callShape, type AttemptShape, type CallShape } from './row-shape.ts';
import { putPieces, RowTemplates } from './row-template.ts';

/** A row on its way, with the shapes that its columns are projected from. */
interface Shaped {
  readonly row: RowSource;
  readonly call: CallShape;
  readonly shapes: readonly AttemptShape[];
  readonly served: Attempt | undefined;
}

type Project = (shaped: Shaped) => Json;

const jsonOf = (value: Value): Json => (typeof value === 'bigint' ? usdText(value) : value);

const projectBy = (projection: Projection): Project => {
  switch (projection.from) {
    case 'call_shape':
      return ({ call, shapes }) => projection.project(call, shapes.at(-1));
    case 'attempt_shape':
      return ({ shapes }) => shapes.map(projection.project);
    case 'call':
      return ({ row, served }) => jsonOf(projection.project(row, served));
    case 'attempt':
      return ({ row }) =>
        row.settlement.attempts.map((attempt) => jsonOf(projection.project(attempt)));
  }
};
const projectsOf = (columns: readonly CallColumn[]): readonly Project[] =>
  columns.map((column) => projectBy(projectionOf(column)));
const lasting = projectsOf(lastingColumns);
const expiring = projectsOf(expiringColumns);

/** Texts and names whose half surrogate pairs are replaced. */
const wellFormed = (_key: string, value: unknown): unknown => {
  if (typeof value === 'string') return value.toWellFormed();
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key.toWellFormed(), one]));
};

/** The inside of a JSON array. */
const written = (projections: readonly Project[], shaped: Shaped): string => {
  const values = projections.map((project) => project(shaped));
  const list = JSON.stringify(values);
  // Half a surrogate pair is written as this escape. JSON allows it; ClickHouse refuses the row (code 25).
  const text = list.includes(String.raw`\ud`) ? JSON.stringify(values, wellFormed) : list;
  return text.slice(1, -1);
};

/** Told of what stays of a row as long as the row does, as an array of its own. */
type OnLasting = (json: Buffer) => void;

/** Between the values that stay, which are there as an array of their own now, and those that do not. */
const goOn = (out: ByteText, from: number, onLasting: OnLasting): void => {
  out.ascii(']');
  onLasting(out.view(from));
  out.cut(out.length - 1);
  out.ascii(',');
};

/** What `putRow` does, for any row and from each of its columns. */
export const putRowByColumn = (out: ByteText, row: RowSource, onLasting: OnLasting): void => {
  const { attempts } = row.settlement;
  const shaped = {
    row,
    call: callShape(row.settlement, row.replica),
    shapes: attempts.map(attemptShape),
    served: attempts.at(-1),
  };
  const from = out.length;
  out.ascii('[');
  out.text(written(lasting, shaped));
  goOn(out, from, onLasting);
  out.text(written(expiring, shaped));
  out.ascii(']');
};

const templates = new RowTemplates();

/**
 * Puts one ledger row down as a JSON array in the order of `callColumns`: a line of ClickHouse's JSONCompactEachRow, without
 * its newline.
 */
export const putRow = (out: ByteText, row: RowSource, onLasting: OnLasting): void => {
  const template = templates.of(row);
  const [attempt] = row.settlement.attempts;
  if (template === null || attempt === undefined) return putRowByColumn(out, row, onLasting);
  const from = out.length;
  out.ascii('[');
  putPieces(out, template.lasting, row, attempt);
  goOn(out, from, onLasting);
  putPieces(out, template.expiring, row, attempt);
  out.ascii(']');
};
