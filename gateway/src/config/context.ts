import type { Provider } from '../providers/provider.ts';
import type { Complaints, Document } from './document.ts';

/** What a file named by `{ file: PATH }` holds, or why it cannot be read. */
export type SecretFile =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'unreadable'; readonly reason: string };

/** What the checks of every section share. */
export interface Context {
  readonly document: Document;
  readonly complaints: Complaints;
  /** The vendors that `use:` may name. */
  readonly vendors: ReadonlyMap<string, Provider>;
  /** By the path as it is written in the document. */
  readonly files: ReadonlyMap<string, SecretFile>;
}

export const isMap = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
