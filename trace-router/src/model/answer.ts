/** How an export request ends, before it is put into the words of gRPC or HTTP. */
export type Answer =
  /** Everything valid in it was delivered; `rejectedSpans` will never be: the client must not send them again. */
  | { readonly kind: 'accepted'; readonly rejectedSpans: number; readonly message: string }
  | { readonly kind: 'malformed'; readonly message: string }
  | { readonly kind: 'too_large'; readonly message: string }
  | { readonly kind: 'unsupported'; readonly message: string }
  | { readonly kind: 'crashed'; readonly message: string }
  /** Not taken, or not known to be delivered: send it again, unchanged, after the delay. */
  | { readonly kind: 'busy'; readonly message: string; readonly retryAfterMs: number };

export const accepted: Answer = { kind: 'accepted', rejectedSpans: 0, message: '' };
