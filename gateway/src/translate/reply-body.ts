/**
 * What the body of a reply is: a stream of events or one whole document. The content type says it, and some servers say
 * it wrongly or not at all; so the first bytes have the last word.
 */
import type { Piece } from '../model/delta.ts';
import type { Framing } from '../dialects/framing.ts';
import type { ReplyTranslator } from './reply.ts';
import { join } from './event-cutter.ts';

export type Form = 'stream' | 'whole';

/** A body of mere blanks so far is collected up to here before it is taken for a whole document. */
const maxUnclearBytes = 64 * 1024;

const latin1 = new TextDecoder('latin1');
/** A byte order mark as `latin1` shows it. */
const byteOrderMark = '\u00ef\u00bb\u00bf';
/** Lines of an event stream: https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream */
const fields = ['data:', 'event:', 'id:', 'retry:', ':'];

const isEventStream = (contentType: string): boolean =>
  /^\s*text\/event-stream\s*(?:;|$)/i.test(contentType);

/** What a body is that begins with these bytes; null: they do not tell yet. */
export const formOf = (start: Uint8Array, saysStream: boolean): Form | null => {
  const text = latin1.decode(start.subarray(0, maxUnclearBytes));
  const bare = (text.startsWith(byteOrderMark) ? text.slice(3) : text).trimStart();
  if (bare.startsWith('{') || bare.startsWith('[')) return 'whole';
  // A stream may begin with blank lines, and with any field.
  if (saysStream) return 'stream';
  if (fields.some((field) => bare.startsWith(field))) return 'stream';
  const maybe = fields.some((field) => field.startsWith(bare)) || byteOrderMark.startsWith(text);
  return maybe && start.length < maxUnclearBytes ? null : 'whole';
};

/** The body of one reply, read on the translator that fits it. */
export interface ReplyBody {
  read(chunk: Uint8Array): Piece;
  end(): Piece;
  /** Null until the first bytes told. */
  form(): Form | null;
  /** Its content type says that it is a stream. */
  readonly saysStream: boolean;
  /** Goes by the content type, when there is no more time to wait for the first bytes. */
  choose(): void;
}

const nothing: Piece = { bytes: null, deltas: [] };

/**
 * @param translatorFor the translator of a reply that is a stream, or is none
 * @param wantsStream the client asked for a stream; a whole reply was asked for otherwise, and is expected whatever comes
 */
export const startReplyBody = (
  translatorFor: (stream: boolean) => ReplyTranslator,
  {
    wantsStream,
    contentType,
    framing,
  }: {
    readonly wantsStream: boolean;
    readonly contentType: string;
    /** Of a stream; null: server-sent events. */
    readonly framing: Framing | null;
  },
): ReplyBody => {
  let early: Uint8Array[] = [];
  let form: Form | null = wantsStream ? null : 'whole';
  let translator: ReplyTranslator | null = wantsStream ? null : translatorFor(false);
  const saysStream =
    framing === null
      ? isEventStream(contentType)
      : contentType.trimStart().toLowerCase().startsWith(framing.contentType);
  const take = (chosen: Form): ReplyTranslator => {
    form = chosen;
    return (translator = translatorFor(chosen === 'stream'));
  };
  const likely = (): ReplyTranslator => translator ?? take(saysStream ? 'stream' : 'whole');
  return {
    read(chunk) {
      if (translator !== null && early.length === 0) return translator.read(chunk);
      early.push(chunk);
      if (translator !== null) return translator.read(join(early.splice(0)));
      const start = join(early);
      const told = framing === null ? formOf(start, saysStream) : saysStream ? 'stream' : 'whole';
      if (told === null) {
        early = [start];
        return nothing;
      }
      early = [];
      return take(told).read(start);
    },
    end() {
      const chosen = likely();
      const rest = early.splice(0);
      if (rest.length === 0) return chosen.end();
      const [read, last] = [chosen.read(join(rest)), chosen.end()];
      return {
        ...read,
        ...last,
        bytes: join([read, last].flatMap(({ bytes }) => bytes ?? [])),
        deltas: [...read.deltas, ...last.deltas],
      };
    },
    choose: () => void likely(),
    saysStream,
    form: () => form,
  };
};
