/**
 * The bytes of a request's body -> a JSON object that every parser reads as we do, or what is wrong with them. The same
 * bytes go on to a provider; what another reader could take for something else is refused here.
 */
import { isUtf8 } from 'node:buffer';
import type { RequestParameters, DialectName, Operation, Problem } from '../../model/call.ts';
import { isObject, type JsonObject } from '../../model/json.ts';
import { clientDialects } from '../../dialects/registry.ts';
import { scanJson, type JsonFinding, type JsonLimits } from '../../model/json-scan.ts';

export interface Bad {
  readonly kind: 'bad';
  readonly problem: Problem;
}

type ReadJson = { readonly kind: 'ok'; readonly json: JsonObject } | Bad;

const bad = (
  message: string,
  code: Problem['code'] = 'invalid_json',
  param: string | null = null,
) => ({ kind: 'bad', problem: { code, message, param } }) as const;

const refusal = (finding: JsonFinding, limits: JsonLimits): ReadJson => {
  switch (finding.kind) {
    case 'too_many_values':
      return bad(
        `The body holds more than ${limits.values} values (limits.bodyValues).`,
        'body_too_large',
      );
    case 'too_deep':
      return bad(
        `The body is nested deeper than ${limits.depth} (limits.bodyDepth).`,
        'body_too_large',
      );
    case 'too_many_keys': {
      const where = finding.path === '' ? 'The body' : `\`${finding.path}\``;
      return bad(
        `${where} has more than ${limits.keys} keys (limits.bodyKeys).`,
        'body_too_large',
        finding.path === '' ? null : finding.path,
      );
    }
    case 'duplicate_key':
      return bad(
        `\`${finding.path}\` stands twice in one object. Which of the two counts, readers of JSON do not agree on.`,
        'invalid_json',
        finding.path,
      );
  }
};

/** Reads a body. No message quotes it, but for the plain names of keys. */
const readJson = (bytes: Buffer, limits: JsonLimits): ReadJson => {
  if (bytes.length === 0) return bad('The body is empty; it must be a JSON object.');
  // A decoder puts U+FFFD for what is no UTF-8, and another decoder may put something else.
  if (!isUtf8(bytes)) return bad('The body is not valid UTF-8.');
  const finding = scanJson(bytes, limits);
  if (finding !== null) return refusal(finding, limits);
  try {
    const json: unknown = JSON.parse(bytes.toString('utf8'));
    return isObject(json) ? { kind: 'ok', json } : bad('The body must be a JSON object.');
  } catch (error) {
    // V8 quotes the text around the fault; a prompt must not come back in an error or reach a log.
    const at = /position (\d+)/.exec(error instanceof Error ? error.message : '');
    return bad(`The body is not valid JSON${at === null ? '' : ` (at byte ${at[1]})`}.`);
  }
};

/** How a body is to be read. */
export interface Reading {
  readonly dialect: DialectName;
  readonly operation: Operation;
  readonly limits: JsonLimits;
}

/** What a body asks for, beside the whole of it. */
export const readAsk = (
  bytes: Buffer,
  { dialect, operation, limits }: Reading,
):
  | { readonly kind: 'ok'; readonly parameters: RequestParameters; readonly json: JsonObject }
  | Bad => {
  const read = readJson(bytes, limits);
  if (read.kind === 'bad') return read;
  const { json } = read;
  const checked = clientDialects[dialect].check(json, operation);
  return checked.kind === 'bad' ? checked : { kind: 'ok', parameters: checked.value, json };
};
