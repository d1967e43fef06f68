import type { Connection } from './engine.ts';
import { refusal } from './errors.ts';
import type { Session } from './request.ts';

/**
 * `session_id`: a connection that lives across requests, with its temporary tables and `SET`s. One request at a time; forgotten after
 * its timeout. Unlike in a server, settings given in a request's URL stay for the rest of the session.
 */
export interface Sessions {
  /** @throws Refusal 372 unknown, 373 in use, 202 too many. */
  readonly take: (
    user: string,
    session: Session,
    open: () => Promise<Connection>,
  ) => Promise<Connection>;
  readonly give: (user: string, session: Session) => void;
  /** Closes those that serve no request at the moment, and the others when they have: the engine is about to end. */
  readonly letGo: () => void;
  readonly closeAll: () => void;
}

interface Held {
  /** Null while it is being opened. */
  connection: Connection | null;
  busy: boolean;
  /** Not used again after this request. */
  last: boolean;
  timer: NodeJS.Timeout | null;
}

export const startSessions = (max: number): Sessions => {
  const held = new Map<string, Held>();
  const key = (user: string, id: string) => `${user}\0${id}`;
  const drop = (name: string) => {
    const one = held.get(name);
    if (one === undefined) return;
    held.delete(name);
    if (one.timer !== null) clearTimeout(one.timer);
    one.connection?.close();
  };
  return {
    async take(user, session, open) {
      const name = key(user, session.id);
      const known = held.get(name);
      if (known?.busy === true) {
        throw refusal(
          'SESSION_IS_LOCKED',
          `Session ${session.id} is locked by a concurrent client`,
        );
      }
      if (known?.connection !== undefined && known.connection !== null) {
        if (known.timer !== null) clearTimeout(known.timer);
        known.timer = null;
        known.busy = true;
        return known.connection;
      }
      if (session.mustExist) throw refusal('SESSION_NOT_FOUND', `Session ${session.id} not found`);
      if (held.size >= max) {
        throw refusal('TOO_MANY_SIMULTANEOUS_QUERIES', `Too many sessions: ${max} are open`);
      }
      const one: Held = { connection: null, busy: true, last: false, timer: null };
      held.set(name, one);
      try {
        one.connection = await open();
        return one.connection;
      } catch (error) {
        held.delete(name);
        throw error;
      }
    },
    give(user, session) {
      const name = key(user, session.id);
      const one = held.get(name);
      if (one === undefined) return;
      one.busy = false;
      if (session.closeAfter || one.last) drop(name);
      else one.timer = setTimeout(() => drop(name), session.timeoutMs).unref();
    },
    letGo() {
      for (const [name, one] of held) {
        if (one.busy) one.last = true;
        else drop(name);
      }
    },
    closeAll() {
      for (const name of held.keys()) drop(name);
    },
  };
};
