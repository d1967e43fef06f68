import { isObject, listAt, numberAt, objectAt, textAt, type JsonObject } from '../model/json.ts';

// A simulated model, so that a first call needs no account anywhere. What it says follows from the request alone.
// It is honest about being one, and its counts are those of the text it was given and gave.

/** What a user may write into a message to see how the gateway takes it. */
export interface Wishes {
  /** `[[fault:429]]`: any status of 400 to 599; `[[fault:cut]]`, `[[fault:stall]]`, `[[fault:hangup]]`. */
  readonly fault: 'cut' | 'stall' | 'hangup' | number | null;
  /** `[[latency:500]]`: milliseconds before the answer begins. */
  readonly latencyMs: number | null;
  /** `[[tokens:200]]`: the length of the answer. */
  readonly tokens: number | null;
}

export interface DemoUsage {
  readonly promptTokens: number;
  readonly cachedTokens: number;
  readonly completionTokens: number;
}

export interface DemoAnswer {
  readonly model: string;
  /** The text, token by token; empty when a tool is called. */
  readonly tokens: readonly string[];
  readonly toolCall: { readonly name: string; readonly arguments: string } | null;
  readonly finish: 'stop' | 'length' | 'tool_calls';
  readonly usage: DemoUsage;
}

const maxLatencyMs = 60_000;
const maxTokens = 4_096;
const tokensPerMessage = 4;
// Prompts are cached from 1,024 tokens on, in steps of 128: https://platform.openai.com/docs/guides/prompt-caching
const cacheStart = 1_024;
const cacheStep = 128;

/** Splits text into pieces the size of tokens: word by word, long words in parts. Joined they are the text again. */
export const tokenize = (text: string): readonly string[] =>
  text.match(/\s?[\p{L}\p{N}]{1,6}|\s?[^\p{L}\p{N}\s]|\s+/gu) ?? [];

const contentText = (message: JsonObject): string => {
  const texts = listAt(message, 'content').map((part) => isObject(part) && textAt(part, 'text'));
  return textAt(message, 'content') ?? texts.filter((text) => typeof text === 'string').join(' ');
};

const messagesOf = (body: JsonObject): readonly JsonObject[] =>
  listAt(body, 'messages').filter(isObject);

const lastUserText = (body: JsonObject): string => {
  const user = messagesOf(body).findLast((message) => message['role'] === 'user');
  return user === undefined ? '' : contentText(user);
};

const wish = (text: string, name: string): string | null =>
  new RegExp(`\\[\\[${name}:(\\w+)\\]\\]`).exec(text)?.[1] ?? null;

const numberWish = (text: string, name: string, max: number): number | null => {
  const value = Number.parseInt(wish(text, name) ?? '', 10);
  return Number.isNaN(value) || value < 0 ? null : Math.min(value, max);
};

/** What the last message of the user wishes for. */
export const wishesOf = (body: JsonObject): Wishes => {
  const text = lastUserText(body);
  const named = wish(text, 'fault');
  const status = Number(named);
  const isWay = named === 'cut' || named === 'stall' || named === 'hangup';
  const isStatus = named !== null && Number.isInteger(status) && status >= 400 && status <= 599;
  return {
    fault: isWay ? named : isStatus ? status : null,
    latencyMs: numberWish(text, 'latency', maxLatencyMs),
    tokens: numberWish(text, 'tokens', maxTokens),
  };
};

/** Tokens of the prompt; those before the last message of a longer conversation were sent before, so they are cached. */
const countPrompt = (messages: readonly JsonObject[], tools: string) => {
  const counts = messages.map(
    (message) => tokensPerMessage + tokenize(contentText(message)).length,
  );
  const sum = (list: readonly number[]) => list.reduce((total, count) => total + count, 0);
  const fixed = tokenize(tools).length;
  const isLonger = messages.some((message) => message['role'] === 'assistant');
  const before = isLonger ? fixed + sum(counts.slice(0, -1)) : 0;
  const cachedTokens = before < cacheStart ? 0 : before - (before % cacheStep);
  return { promptTokens: fixed + sum(counts), cachedTokens };
};

/** A value that a JSON Schema allows, as far as a demonstration needs. */
const exampleOf = (schema: JsonObject, word: string): unknown => {
  const [first] = listAt(schema, 'enum');
  if (first !== undefined) return first;
  switch (textAt(schema, 'type') ?? '') {
    case 'object':
      return exampleObject(schema, word);
    case 'array':
      return [exampleOf(objectAt(schema, 'items') ?? {}, word)];
    case 'integer':
    case 'number':
      return numberAt(schema, 'minimum') ?? 1;
    case 'boolean':
      return true;
    default:
      return word;
  }
};

const exampleObject = (schema: JsonObject, word: string): JsonObject => {
  const properties = objectAt(schema, 'properties') ?? {};
  const names = listAt(schema, 'required').filter((name) => typeof name === 'string');
  const fields = names.map((name) => [name, exampleOf(objectAt(properties, name) ?? {}, word)]);
  return Object.fromEntries(fields);
};

/** The tool that the request forces, or that the user's message mentions by a word of its name. */
const toolFor = (body: JsonObject): DemoAnswer['toolCall'] => {
  const last = messagesOf(body).at(-1);
  const choice = body['tool_choice'];
  if (last?.['role'] !== 'user' || choice === 'none') return null;
  const tools = listAt(body, 'tools').flatMap((tool) => {
    const named = isObject(tool) ? objectAt(tool, 'function') : null;
    return named === null ? [] : [named];
  });
  const text = contentText(last);
  const asked = isObject(choice) ? textAt(objectAt(choice, 'function') ?? {}, 'name') : null;
  const isMentioned = (name: string) =>
    name
      .split(/[_\-.]/)
      .some((word) => word.length > 3 && text.toLowerCase().includes(word.toLowerCase()));
  const tool =
    tools.find((one) => textAt(one, 'name') === asked) ??
    tools.find((one) => isMentioned(textAt(one, 'name') ?? '')) ??
    (choice === 'required' ? tools[0] : undefined);
  if (tool === undefined) return null;
  const word = /\p{Lu}[\p{L}\p{N}]+(?=\W*$)/u.exec(text)?.[0] ?? 'example';
  const input = exampleObject(objectAt(tool, 'parameters') ?? {}, word);
  return { name: textAt(tool, 'name') ?? '', arguments: JSON.stringify(input) };
};

const sentences = [
  'Every call that goes through the gateway leaves one row in the ledger, one trace and one set of metrics.',
  'They are four views of one settlement, so they cannot disagree.',
  'This answer came token by token, at the pace that a real model would have.',
  'Write [[fault:429]], [[fault:cut]] or [[latency:800]] into a message to see how failures are handled.',
  'Give a tool and mention it, and a tool call comes back instead of text.',
  'When you are ready, put the key of a real provider into the environment and ask for one of its models.',
];

const sayTo = (body: JsonObject): string => {
  const last = messagesOf(body).at(-1);
  if (last?.['role'] === 'tool') return `The tool answered: ${contentText(last).slice(0, 200)}. `;
  const asked = lastUserText(body)
    .replace(/\[\[.*?\]\]/g, '')
    .trim()
    .replace(/\s+/g, ' ');
  return `You said: "${asked.slice(0, 120)}". I am a simulated model, so I have no opinion on that. `;
};

const words = (body: JsonObject, wanted: number | null): readonly string[] => {
  const opening = sayTo(body);
  const start = opening.length % sentences.length; // deterministic, and not the same for every prompt
  const round = sentences.map((_, index) => sentences[(start + index) % sentences.length]);
  if (wanted === null) return tokenize(opening + round.slice(0, 3).join(' '));
  const tokens: string[] = [...tokenize(opening)];
  const more = tokenize(` ${round.join(' ')}`);
  while (tokens.length < wanted) tokens.push(...more);
  return tokens.slice(0, wanted);
};

/** The answer to a chat completion request that was checked before. Pure: the same request, the same answer. */
export const answer = (body: JsonObject): DemoAnswer => {
  const toolCall = toolFor(body);
  const limit =
    numberAt(body, 'max_completion_tokens') ?? numberAt(body, 'max_tokens') ?? maxTokens;
  const whole = toolCall === null ? words(body, wishesOf(body).tokens) : [];
  const tokens = whole.slice(0, limit);
  const said =
    toolCall === null ? tokens.length : tokenize(toolCall.arguments).length + tokensPerMessage;
  const finish =
    toolCall !== null ? 'tool_calls' : tokens.length < whole.length ? 'length' : 'stop';
  const tools = listAt(body, 'tools').length === 0 ? '' : JSON.stringify(body['tools']);
  return {
    model: textAt(body, 'model') ?? 'demo',
    tokens,
    toolCall,
    finish,
    usage: { ...countPrompt(messagesOf(body), tools), completionTokens: said },
  };
};
