/** A real OpenID provider (`oidc-provider`) whose clients get signed access tokens for `tollgate`. */
import http from 'node:http';
import { exportJWK, generateKeyPair, type JWK } from 'jose';
import { Provider } from 'oidc-provider';
import { audience } from './issuer.ts';

export interface OidcProvider {
  readonly url: string;
  /** An access token of the client, by its secret. */
  token(): Promise<string>;
  /** Signs with a new key from now on; the old one is gone. */
  rotate(): Promise<void>;
  close(): Promise<void>;
}

const client = { id: 'checkout', secret: 'of-the-client-0123456789abcdef' };

const privateKey = async (kid: string): Promise<JWK> => {
  const { privateKey } = await generateKeyPair('RS256', { extractable: true });
  return { ...(await exportJWK(privateKey)), kid, alg: 'RS256', use: 'sig' };
};

const providerOf = (url: string, key: JWK): Provider =>
  new Provider(url, {
    jwks: { keys: [key] },
    clients: [
      {
        client_id: client.id,
        client_secret: client.secret,
        grant_types: ['client_credentials'],
        redirect_uris: [],
        response_types: [],
      },
    ],
    extraTokenClaims: () => ({ groups: ['search', 'ai'], email: 'ada@example.org' }),
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => `urn:${audience}`,
        getResourceServerInfo: () => ({
          scope: '',
          audience,
          accessTokenTTL: 3600,
          accessTokenFormat: 'jwt',
          jwt: { sign: { alg: 'RS256' } },
        }),
      },
    },
  });

export const startOidc = async (): Promise<OidcProvider> => {
  let answer: http.RequestListener = (_request, response) => void response.writeHead(503).end();
  const server = http.createServer((request, response) => answer(request, response));
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  const url = `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`;
  let keys = 0;
  const rotate = async (): Promise<void> => {
    keys += 1;
    const callback = providerOf(url, await privateKey(`key-${keys}`)).callback();
    answer = (request, response) => void callback(request, response);
  };
  await rotate();
  return {
    url,
    rotate,
    async token() {
      const reply = await fetch(`${url}/token`, {
        method: 'POST',
        headers: {
          authorization: `Basic ${Buffer.from(`${client.id}:${client.secret}`).toString('base64')}`,
        },
        body: new URLSearchParams({ grant_type: 'client_credentials' }),
      });
      const body: unknown = await reply.json();
      const { access_token: token } = Object(body);
      if (typeof token !== 'string') throw new Error(JSON.stringify(body));
      return token;
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
};
