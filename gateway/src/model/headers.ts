/** Names in lower case, as HTTP libraries give them. */
export type ReceivedHeaders = Readonly<Record<string, string | readonly string[] | undefined>>;

/** A header's text; of a repeated one, the first. */
export const header = (headers: ReceivedHeaders, name: string): string | undefined => {
  const value = headers[name];
  return typeof value === 'string' ? value : value?.[0];
};
