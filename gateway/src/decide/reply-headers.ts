/** Which of a provider's response headers may the client read, and under which names? */
import {
  maxReplyHeaderChars,
  maxReplyHeaders,
  replyHeaders,
  requestIdHeaders,
} from '../contract/reply-headers.ts';
import { header, type ReceivedHeaders } from '../model/headers.ts';
import type { Told } from './told.ts';

const printable = /^[\x20-\x7e]+$/;

const valueOf = (headers: ReceivedHeaders, name: string, { cut }: Told): string => {
  const text = header(headers, name) ?? '';
  if (text.length <= maxReplyHeaderChars && printable.test(text)) return text.trim();
  if (text !== '') cut('header');
  return '';
};

const passedAs = (name: string): string | null => {
  for (const row of replyHeaders) {
    if (!row.name.endsWith('*')) {
      if (row.name === name) return row.as;
      continue;
    }
    const begin = row.name.slice(0, -1);
    if (name.startsWith(begin) && row.as !== null)
      return row.as.slice(0, -1) + name.slice(begin.length);
  }
  return null;
};

/**
 * The headers that pass, renamed where their own name would lie. Credentials are taken out of their values; one with a
 * credential in its name stays here.
 */
export const passingHeaders = (headers: ReceivedHeaders, told: Told): Record<string, string> => {
  const passing: Record<string, string> = {};
  let count = 0;
  for (const name in headers) {
    const as = passedAs(name);
    const value = as === null ? '' : valueOf(headers, name, told);
    if (as === null || value === '') continue;
    if (count >= maxReplyHeaders) {
      told.cut('header');
      continue;
    }
    count += 1;
    const line = told.clean(`${as}: ${value}`);
    if (line.startsWith(`${as}: `)) passing[as] = line.slice(as.length + 2);
  }
  const id = requestIdHeaders
    .map((name) => valueOf(headers, name, told))
    .find((text) => text !== '');
  return id === undefined ? passing : { ...passing, ...requestIds(told.clean(id)) };
};

/** The id of a request under the names that official SDKs read: OpenAI's and Anthropic's. */
export const requestIds = (id: string): Record<string, string> => ({
  'x-request-id': id,
  'request-id': id,
});
