/** How one message to a member ended. */
export type Sent =
  | { readonly kind: 'taken'; readonly rejectedSpans: number; readonly message: string }
  /** Not now: send the same again, to this member and no other. */
  | { readonly kind: 'later'; readonly afterMs: number | null; readonly message: string }
  /** Never: these bytes are what the member objects to. */
  | { readonly kind: 'refused'; readonly message: string };

/** The way to one member. `send` never throws. */
export interface Transport {
  send(message: Buffer): Promise<Sent>;
  close(): Promise<void>;
}

/** The text of a thrown value, for messages. */
export const textOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error);
