import type { Delta } from '../model/delta.ts';
import type { Usage } from '../model/usage.ts';

/** A tool call put together from its deltas; `text` is the JSON of its arguments, empty when none came. */
export interface GatheredTool {
  readonly id: string;
  readonly name: string;
  readonly text: string;
}

/** A whole reply put together from its deltas. */
export interface Gathered {
  readonly id: string;
  readonly text: string;
  readonly reasoning: string;
  readonly signature: string;
  readonly refusal: string;
  readonly tools: readonly GatheredTool[];
  readonly usage: Usage | null;
  readonly stopped: Extract<Delta, { kind: 'stopped' }> | null;
}

/** Puts the deltas of a reply together. */
export const gather = (deltas: readonly Delta[]): Gathered => {
  const of = <K extends Delta['kind']>(kind: K) =>
    deltas.filter((delta): delta is Extract<Delta, { kind: K }> => delta.kind === kind);
  const texts = (kind: 'text' | 'reasoning' | 'refusal') =>
    of(kind)
      .map(({ text }) => text)
      .join('');
  const args = of('tool_arguments');
  return {
    id: of('opened')[0]?.id ?? '',
    text: texts('text'),
    reasoning: texts('reasoning'),
    signature: of('reasoning_signature').at(-1)?.signature ?? '',
    refusal: texts('refusal'),
    tools: of('tool_started').map(({ index, id, name }) => ({
      id,
      name,
      text: args.map((one) => (one.index === index ? one.text : '')).join(''),
    })),
    usage: of('usage').at(-1)?.usage ?? null,
    stopped: of('stopped')[0] ?? null,
  };
};
