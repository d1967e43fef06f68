import { objectAt, parseObject, textAt } from '../../model/json.ts';

const maxMessage = 2_000;

/** Text of a provider's error, safe for a header, a log line and a client: no control characters, bounded. */
export const clean = (text: string): string =>
  text
    .replace(/\p{Cc}+/gu, ' ')
    .trim()
    .slice(0, maxMessage);

/**
 * What an error body says, in the shapes seen in the wild: `{error: {message, type, code, param}}` (OpenAI, Anthropic),
 * `{error: "text"}` (Ollama), `{message, type}` (Mistral), `{detail: "text"}` (vLLM behind FastAPI), or no JSON at all.
 */
export const readErrorBody = (
  body: string,
): { readonly message: string; readonly type: string; readonly param: string | null } => {
  const outer = parseObject(body);
  if (outer === null) return { message: clean(body), type: '', param: null };
  const inner = objectAt(outer, 'error') ?? outer;
  const message =
    textAt(inner, 'message') ?? textAt(outer, 'error') ?? textAt(outer, 'detail') ?? '';
  const type = textAt(inner, 'type') ?? textAt(inner, 'code') ?? '';
  return { message: clean(message), type: clean(type), param: textAt(inner, 'param') };
};
