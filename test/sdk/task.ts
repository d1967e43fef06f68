/** What passes between `npm run sdk` and its clients, one JSON object a line: tasks in, answers out, in any order. */
import type { Sdk } from './table.ts';

/** Tasks that a client works on at a time: most of them wait for something. */
export const width = 8;

export interface Task {
  readonly id: string;
  readonly sdk: Sdk;
  /** Of the provider or of the gateway. */
  readonly origin: string;
  readonly key: string;
  readonly model: string;
  /** What the user says. */
  readonly content: string;
  readonly traceparent: string;
  readonly stream: boolean;
  /** With the SDK's own retries. */
  readonly patient: boolean;
}

/** What a client saw. */
export interface Answer {
  readonly id: string;
  /** Of the reply; null when an error was thrown. */
  readonly text: string | null;
  /** The class of the error, empty without one. */
  readonly error: string;
  /** Of the error; 0 when it has none. */
  readonly status: number;
  /** Of the request, as the SDK shows it; empty when it shows none. */
  readonly requestId: string;
}

/** A program that asks with the SDKs of one language. */
export type Client = (tasks: readonly Task[]) => Promise<readonly Answer[]>;
