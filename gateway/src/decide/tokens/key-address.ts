const loopback = /^(?:localhost|127(?:\.[0-9]{1,3}){3}|\[::1\])$/;

const urlOf = (text: string): URL | null => {
  try {
    return new URL(text);
  } catch {
    return null;
  }
};

const isLoopback = (url: URL): boolean => loopback.test(url.hostname);

/** What speaks for an issuer's keys must come over TLS, unless it comes from this machine. */
export const isKeyAddress = (text: string): boolean => {
  const url = urlOf(text);
  if (url === null || url.username !== '' || url.password !== '' || url.hash !== '') return false;
  return url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url));
};

/** May keys be fetched from where an issuer says they are? What listens on this machine is for issuers on this machine. */
export const mayFetch = (text: string, issuer: string): boolean => {
  const [url, from] = [urlOf(text), urlOf(issuer)];
  if (url === null || from === null || !isKeyAddress(text)) return false;
  return !isLoopback(url) || isLoopback(from);
};
