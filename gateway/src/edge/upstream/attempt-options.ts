/** What an attempt is made with. */
import type { AttemptStart } from '../../decide/attempt-record.ts';
import type { Observation } from '../../decide/observation.ts';
import type { Told } from '../../decide/told.ts';
import type { ReceivedHead } from '../../model/reply.ts';
import type { Prepared } from '../../translate/request.ts';
import type { Upstream } from './upstream.ts';

export interface AttemptOptions extends Omit<AttemptStart, 'startedMs'> {
  readonly upstream: Upstream;
  readonly prepared: Prepared;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly stream: boolean;
  readonly limits: { readonly replyBytes: number; readonly eventBytes: number };
  /** Headers for the client, once the reply has begun. */
  replyHeaders(received: ReceivedHead): Readonly<Record<string, string>>;
  /** The request goes onto a connection. */
  onSent(): void;
  /** The first content of a stream is here, or another second of it. */
  onProgress(observed: Observation): void;
  /** The attempt has ended, however it did. */
  onOver(): void;
  /** Takes credentials out of what the provider says of an error. */
  readonly told: Told;
  /** Reads a name that the provider gives. */
  name(text: string): string;
}
