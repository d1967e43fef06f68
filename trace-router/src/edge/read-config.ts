import { readFileSync } from 'node:fs';
import { LineCounter, isMap, isNode, isPair, isScalar, parseDocument } from 'yaml';
import type { Document } from 'yaml';
import { check } from '../config/check.ts';
import type { Path, Problem, RouterConfig } from '../config/check.ts';
import { policies } from '../policies/registry.ts';
import { textOf } from './members/member.ts';

export type ReadConfig =
  | { readonly kind: 'ok'; readonly config: RouterConfig }
  /** Lines as `file:line:column: path: message`. */
  | { readonly kind: 'bad'; readonly problems: readonly string[] };

/** Where a path stands in the text: its key when the key is wrong, else its value, else the closest thing around it. */
const offsetOf = (document: Document, path: Path, atKey: boolean): number => {
  for (let length = path.length; length > 0; length -= 1) {
    const parent =
      length === 1 ? document.contents : document.getIn(path.slice(0, length - 1), true);
    const last = path[length - 1];
    if (isMap(parent)) {
      const pair = parent.items.find(
        (entry) => isPair(entry) && isScalar(entry.key) && entry.key.value === last,
      );
      const node = atKey && length === path.length ? pair?.key : (pair?.value ?? pair?.key);
      if (isNode(node) && node.range) return node.range[0];
    } else {
      const node = document.getIn(path.slice(0, length), true);
      if (isNode(node) && node.range) return node.range[0];
    }
  }
  return 0;
};

/** Reads and checks a configuration from its text; `file` is only a name. */
export const configFromText = (text: string, file: string): ReadConfig => {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, merge: true });
  const at = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return `${file}:${line}:${col}`;
  };
  if (document.errors.length > 0) {
    return {
      kind: 'bad',
      problems: document.errors.map((error) => `${at(error.pos[0])}: ${error.message}`),
    };
  }
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    return { kind: 'bad', problems: [`${file}:1:1: ${textOf(error)}`] };
  }
  const checked = check(value, policies);
  if (checked.kind === 'ok') return checked;
  const line = ({ path, atKey, message }: Problem) =>
    `${at(offsetOf(document, path, atKey))}: ${path.length === 0 ? '' : `${path.join('.')}: `}${message}`;
  return { kind: 'bad', problems: checked.problems.map(line) };
};

/** Reads the file at `path`; null: built-in defaults. */
export const readConfig = (path: string | null): ReadConfig => {
  if (path === null) return configFromText('', 'built-in');
  try {
    return configFromText(readFileSync(path, 'utf8'), path);
  } catch (error) {
    return { kind: 'bad', problems: [`${path}: cannot be read: ${textOf(error)}`] };
  }
};
