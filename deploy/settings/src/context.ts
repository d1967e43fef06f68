import type { Complaints, Document } from './document.ts';

/** What a file named by `{ file: PATH }` holds, or why it cannot be read. */
export type SecretFile =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'unreadable'; readonly reason: string };

/** The document that is checked, and what is wrong with it. */
export interface Context {
  readonly document: Document;
  readonly complaints: Complaints;
}

export const isMap = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
