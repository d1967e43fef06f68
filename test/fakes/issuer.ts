/** An issuer of tokens whose every answer the test decides: discovery, key set, keys that come and go. */
import http from 'node:http';
import { exportJWK, exportSPKI, generateKeyPair, SignJWT, type JWK } from 'jose';

type KeyPair = Awaited<ReturnType<typeof generateKeyPair>>;

export interface SigningKey {
  readonly kid: string;
  readonly alg: string;
  readonly pair: KeyPair;
  readonly jwk: JWK;
}

export const makeKey = async (kid: string, alg = 'ES256'): Promise<SigningKey> => {
  const pair = await generateKeyPair(alg, { extractable: true });
  return { kid, alg, pair, jwk: { ...(await exportJWK(pair.publicKey)), kid, alg, use: 'sig' } };
};

/** The public key as text, as an attacker has it. */
export const publicText = ({ pair }: SigningKey): Promise<string> => exportSPKI(pair.publicKey);

export interface FakeIssuer {
  /** What `iss` says; discovery is below it. */
  readonly url: string;
  /** Paths asked for, in order. */
  readonly asked: readonly string[];
  /** What the key set holds from now on. */
  holds(...keys: readonly JWK[]): void;
  /** How requests are answered from now on; null: as an issuer does. */
  answer(how: ((response: http.ServerResponse, path: string) => void) | null): void;
  /** A token of this issuer for `tollgate`, an hour long; each claim may be another. */
  sign(
    key: SigningKey,
    claims?: Readonly<Record<string, unknown>>,
    header?: Readonly<Record<string, unknown>>,
  ): Promise<string>;
  close(): Promise<void>;
}

export const audience = 'tollgate';
export const nowSeconds = (): number => Math.floor(Date.now() / 1000);

export const startIssuer = async (port = 0): Promise<FakeIssuer> => {
  let keys: readonly JWK[] = [];
  let how: ((response: http.ServerResponse, path: string) => void) | null = null;
  const asked: string[] = [];
  let url = '';
  const server = http.createServer(({ url: path = '' }, response) => {
    asked.push(path);
    if (how !== null) how(response, path);
    else if (path === '/.well-known/openid-configuration')
      response.end(JSON.stringify({ issuer: url, jwks_uri: `${url}/jwks` }));
    else response.end(JSON.stringify({ keys }));
  });
  await new Promise<void>((resolve) => {
    server.listen(port, '127.0.0.1', resolve);
  });
  const address = server.address();
  url = `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`;
  return {
    url,
    asked,
    holds(...next) {
      keys = next;
    },
    answer(next) {
      how = next;
    },
    sign: ({ pair, alg, kid }, claims = {}, header = {}) =>
      new SignJWT({
        iss: url,
        aud: audience,
        sub: 'ada',
        exp: nowSeconds() + 3600,
        ...claims,
      })
        .setProtectedHeader({ alg, kid, ...header })
        .sign(pair.privateKey),
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
};
