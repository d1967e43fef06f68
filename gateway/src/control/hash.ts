import { createHmac } from 'node:crypto';

/** What is kept of a key's secret: HMAC-SHA-256 in hex, so that a copy of the store alone finds no key. */
export const secretHash = (hashKey: string, secret: string): string =>
  createHmac('sha256', hashKey).update(secret).digest('hex');
