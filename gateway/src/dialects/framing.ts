/** How a provider cuts its stream into events. Whatever its bytes are, behind it they are server-sent events. */

export interface Frames {
  /** The events that are whole now, as server-sent events; null: none. @throws FramingError */
  read(chunk: Uint8Array): Uint8Array | null;
}

export interface Framing {
  /** What the content type of such a stream begins with. */
  readonly contentType: string;
  /** @param maxFrameBytes of one frame; a larger one is an error */
  start(maxFrameBytes: number): Frames;
}

/** What came is no frame, or too large a one. */
export class FramingError extends Error {
  readonly type: 'invalid_event' | 'event_too_large';

  constructor(type: FramingError['type'], message: string) {
    super(message);
    this.type = type;
  }
}
