/** The reference of a configuration, from its declarations. */
import type { TSchema } from 'typebox';
import { isMap } from './context.ts';
import { unitOf } from './decode.ts';
import { isLive } from './live.ts';
import { units } from './units.ts';

/** Text as it may stand in a cell of a table. */
export const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ');

const plain = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value));

const rangeOf = (field: Readonly<Record<string, unknown>>): string => {
  const unit = unitOf(field);
  const { least, most } =
    unit === null
      ? { least: field['minimum'], most: field['maximum'] }
      : { ...units[unit], ...field };
  if (least === undefined) return '';
  return most === undefined ? `, at least ${plain(least)}` : `, ${plain(least)} to ${plain(most)}`;
};

const typeOf = (field: Readonly<Record<string, unknown>>): string => {
  const { title, type, enum: values } = field;
  if (Array.isArray(values)) return values.map((value) => `\`${plain(value)}\``).join(', ');
  const range = rangeOf(field);
  if (typeof title === 'string') return `${title}${range}`;
  return type === 'string' ? 'text' : `${plain(type)}${range}`;
};

interface Around {
  readonly prefix: string;
  readonly live: boolean;
}

/** Rows of the table below, nested maps as `outer.inner`. */
const rows = (schema: TSchema, { prefix, live: around }: Around): readonly string[] => {
  if (!isMap(schema) || !isMap(schema['properties'])) return [];
  const { properties, required } = schema;
  const live = isLive(schema, around);
  return Object.entries(properties).flatMap(([name, field]) => {
    if (!isMap(field)) return [];
    if (isMap(field['properties'])) return rows(field, { prefix: `${prefix}${name}.`, live });
    const { default: by, description } = field;
    const needed = Array.isArray(required) && required.includes(name) && by === undefined;
    const missing = needed ? '**required**' : '';
    const otherwise = by === undefined ? missing : by === '' ? 'empty' : `\`${plain(by)}\``;
    const counts = isLive(field, live) ? 'at once' : 'at start';
    const about = typeof description === 'string' ? description : '';
    return [
      `| \`${prefix}${name}\` | ${cell(typeOf(field))} | ${otherwise} | ${counts} | ${cell(about)} |`,
    ];
  });
};

/** A map of settings as a table in Markdown, a row for each field. */
export const docsTable = (schema: TSchema): string =>
  [
    '| field | must be | default | a change counts | what it is |',
    '|---|---|---|---|---|',
    ...rows(schema, { prefix: '', live: true }),
  ].join('\n');
