/** What one reply has for its client: kept until the reply is this client's, then sent as fast as the client takes it. */
import { join } from '../../providers/dialects/event-cutter.ts';
import type { Client } from '../http/client.ts';

/**
 * A comment, which every reader of event streams passes over:
 * https://html.spec.whatwg.org/multipage/server-sent-events.html#authoring-notes
 */
const keepAlive = new TextEncoder().encode(': keep-alive\n\n');

export interface Outbox {
  /** Keeps bytes, or sends them once it is open. */
  add(bytes: Uint8Array): void;
  heldBytes(): number;
  /** Sends what was kept; from now on all goes at once. Of a stream at least a sign of life goes. */
  open(isStream: boolean): void;
  /** Takes what was kept, and these bytes behind it, as one. */
  take(last: Uint8Array | null): Uint8Array;
  /**
   * Tells the client of a stream that it lives, when it was sent nothing for `afterMs`. Between two events only: what was
   * sent so far must be whole ones.
   */
  keepAlive(afterMs: number): void;
}

/** @param onFull the client takes no more for now; `onDrained` follows when it does */
export const startOutbox = (
  client: Client,
  { onFull, onDrained }: { readonly onFull: () => void; readonly onDrained: () => void },
): Outbox => {
  let isOpen = false;
  let held: Uint8Array[] = [];
  let heldBytes = 0;
  let sentMs = 0;
  const send = (bytes: Uint8Array): void => {
    sentMs = performance.now();
    if (client.write(bytes)) return;
    onFull();
    client.whenDrained(onDrained);
  };
  return {
    add(bytes) {
      if (isOpen) send(bytes);
      else {
        held.push(bytes);
        heldBytes += bytes.length;
      }
    },
    heldBytes: () => heldBytes,
    open(isStream) {
      isOpen = true;
      for (const bytes of held) send(bytes);
      if (isStream && held.length === 0) send(keepAlive);
      held = [];
    },
    take(last) {
      const all = last === null ? held : [...held, last];
      held = [];
      return join(all);
    },
    keepAlive(afterMs) {
      if (isOpen && performance.now() - sentMs >= afterMs) send(keepAlive);
    },
  };
};
