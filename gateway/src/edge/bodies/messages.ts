/** What the thread for large bodies is told, and what it answers: one answer to each question, in order. */
import type { Speech, Written } from '../../translate/request.ts';
import type { RequestParameters, Problem } from '../../model/call.ts';
import type { Bad, Reading } from './read-json.ts';

export type Question =
  /** The bytes move to the thread, which keeps them until the next `read` or `forget`. */
  | { readonly kind: 'read'; readonly bytes: Uint8Array; readonly reading: Reading }
  /** Bodies of what was read last, for these in their order. */
  | { readonly kind: 'write'; readonly targets: readonly WriteFor[] };

export type Message = Question | { readonly kind: 'forget' };

export interface WriteFor {
  readonly speech: Speech;
  /** Its name there. */
  readonly model: string;
}

export type ReadAnswer =
  | { readonly kind: 'ok'; readonly parameters: RequestParameters; readonly inputTokens: number }
  | Bad;
export type WriteAnswer = { readonly kind: 'ok'; readonly bodies: readonly Written[] } | Bad;

/** `bug`: an error of ours, as text. */
export type Answer =
  | { readonly kind: 'read'; readonly answer: ReadAnswer }
  | { readonly kind: 'written'; readonly answer: WriteAnswer }
  | { readonly kind: 'bug'; readonly message: string };

/** What a body that overwhelms the thread is answered with. */
export const tooMuchMemory = (bytes: number): Problem => ({
  code: 'body_too_large',
  message: `The body of ${bytes} bytes takes more memory than the gateway gives to reading one.`,
  param: null,
});
