import { errors } from '../contract/errors.ts';
import { fields as anthropicFields } from '../dialects/anthropic/request-in.ts';
import type { Known } from '../dialects/fields.ts';
import { fields as openaiFields } from '../dialects/openai/request-in.ts';
import {
  codeOfWords,
  otherRefusals,
  refusalsByCode,
  refusalsByStatus,
  statusOfCode,
  type RefusalRow,
} from '../contract/provider-errors.ts';
import { freeUnits, priceDimensions, searchModels } from '../contract/price-dimensions.ts';
import {
  maxReplyHeaderChars,
  maxReplyHeaders,
  replyHeaders,
  requestIdHeaders,
} from '../contract/reply-headers.ts';

const recourses = {
  again: 'the same target again, then the next',
  elsewhere: 'the next target',
  none: 'nothing',
} as const satisfies Record<RefusalRow['recourse'], string>;

const yes = (flag: boolean): string => (flag ? 'yes' : '');

const refusal = ([name, row]: readonly [string, RefusalRow]): string => {
  const cells = [
    `\`${name}\``,
    row.why,
    row.kind,
    `\`${row.code}\``,
    recourses[row.recourse],
    yes(row.coolsDown),
    yes(row.mayBeBilled),
    row.words === 'pass' ? "the provider's" : `ours, status ${errors[row.code].status}`,
  ];
  return `| ${cells.join(' | ')} |`;
};

const refusals = (first: string, rows: Readonly<Record<string, RefusalRow>>): string =>
  [
    `| ${first} | what it means | who failed | \`x-tollgate-error-code\` | tried next | cools down | may be billed | answer the client reads |`,
    '|---|---|---|---|---|---|---|---|',
    ...Object.entries(rows).map(refusal),
  ].join('\n');

const amounts = (): string => {
  const byStatus = Map.groupBy(Object.entries(statusOfCode), ([, status]) => status);
  return [...byStatus]
    .toSorted(([a], [b]) => a - b)
    .map(([status, codes]) => `| ${status} | ${codes.map(([code]) => `\`${code}\``).join(', ')} |`)
    .join('\n');
};

const headers = (): string =>
  replyHeaders
    .map(
      ({ name, as, why }) =>
        `| \`${name}\` | ${as === null ? 'does not pass' : `\`${as}\``} | ${why} |`,
    )
    .join('\n');

const neutral = ({ neutral: values = {} }: Known): string =>
  Object.entries(values)
    .map(
      ([name, allowed]) =>
        `\`${name}\`: ${allowed.map((one) => `\`${JSON.stringify(one)}\``).join(', ')}`,
    )
    .join('; ');

const names = (list: readonly string[]): string =>
  list.length === 0 ? 'none' : list.map((name) => `\`${name}\``).join(', ');

const dimensions = (): string =>
  Object.entries(priceDimensions)
    .map(([name, { standard, why }]) => `| \`${name}\` | ${names(standard)} | ${why} |`)
    .join('\n');

/** `docs/providers.md`: what a provider's answers mean, from the tables that the gateway itself reads. */
export const providerDocs =
  (): string => `<!-- Written by \`npm run generate\` from gateway/src/contract/{refusals,reply-headers,price-dimensions}.ts and the dialects' request-in.ts. Do not edit. -->

# What a provider's answers become

## Errors

An error that ends a call reaches a client of the provider's own dialect with the provider's status, body and headers, cleaned of
every credential the gateway knows. A client of another dialect gets the same code, message and parameter in the form of its own;
a status that only one dialect knows (529, 498) becomes the nearest one that all know. Errors about the gateway's credential or
account are the operator's business: the client reads our own words. Either way the headers say more: \`x-tollgate-error-origin\`
(\`provider\`), \`x-tollgate-error-code\` (ours, from one table), \`x-tollgate-attempts\`, \`retry-after\` (and \`retry-after-ms\`, when it is
not a whole second), and \`x-should-retry: false\` once the gateway's own tries are used up, which the official SDKs obey.
Ledger, spans and log hold the status and a code of this page, never the provider's words.

"Tried next" is what may still help while tries are left (\`retry\` in the configuration); a provider that asks for a longer pause than
\`retry.backoffMax\` is not waited for. "Cools down" is what a circuit breaker counts. "May be billed": the attempt is booked with an
estimated cost.

${refusals('status', { ...refusalsByStatus, ...otherRefusals })}

A code or type in the error's body that says more than the status goes before it:

${refusals('code', refusalsByCode)}

${codeOfWords.map(([words, code]) => `An error whose message says "${words}" is \`${code}\`.`).join('\n')}

An error inside a reply with status 200 is judged as the status that its \`code\` is (\`"code": 429\`) or stands for, else as 502:

| status | codes and types |
|---|---|
${amounts()}

## Response headers

| the provider's header | reaches the client as | why |
|---|---|---|
${headers()}

\`x-request-id\` and \`request-id\` are on every answer: the provider's id of the request (the first of ${requestIdHeaders.map((name) => `\`${name}\``).join(', ')}), or the
call id where no provider was asked or it gave none. All other headers stay behind: cookies, hop-by-hop, caching, security and
proxy headers speak about the provider's connection. At most ${maxReplyHeaders} headers pass, none longer than ${maxReplyHeaderChars} characters.

## What is not said to be priced

A call may name, in its reply or, where the reply is silent, in its request, what makes its tokens cost another price. Where the
catalogue knows that price, it holds; where it does not, or not for two of them together, the call is priced by its tokens at the
standard rates and has \`price_status\` = \`partly_unpriced\`:

| named | values that cost nothing more | why |
|---|---|---|
${dimensions()}

Models with ${names(searchModels)} in their name search on every call. Counted and free: ${names(freeUnits)}.

## Requests of one dialect to a provider of another

What changes the answer is translated, or refused by name. What steers the provider only is left out where it means nothing, and
named in the response header \`x-tollgate-dropped\` (\`messages[].content[].cache_control\`; headers such as \`anthropic-beta\` too).
Within one dialect nothing is left out: the client's bytes pass.

| | to \`/v1/chat/completions\`, served by Anthropic | to \`/v1/messages\`, served by a provider of OpenAI's dialect |
|---|---|---|
| translated | ${names(openaiFields.read)} | ${names(anthropicFields.read)} |
| left out | ${names(openaiFields.steering)}; \`stream_options.include_obfuscation\`, \`prompt_cache_breakpoint\`, \`image_url.detail\`; \`reasoning_effort\` for models known not to take it; a user longer than 256 characters | ${names(anthropicFields.steering)}; \`metadata\` but for \`user_id\`; \`thinking.display\`, \`eager_input_streaming\`; \`output_config.effort\` for models known not to take it; \`thinking.budget_tokens\` unless the model is known to take an effort (below 4,096 \`low\`, below 16,384 \`medium\`, else \`high\`); a user longer than 128 characters |
| passes only as | ${neutral(openaiFields)} | ${neutral(anthropicFields)} |
| refused | every other field | every other field |
`;
