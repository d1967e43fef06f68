/**
 * JSON whose numbers become the texts that they are written as, so that no amount goes through a float.
 * https://github.com/tc39/proposal-json-parse-with-source
 * @throws SyntaxError for what is no JSON
 */
export const parseNumbersAsText = (text: string): unknown =>
  JSON.parse(text, (_key, value: unknown, context?: { readonly source?: string }) =>
    typeof value === 'number' ? (context?.source ?? String(value)) : value,
  );
