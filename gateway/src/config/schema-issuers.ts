/** What an entry of `issuers` is made of. */
import { Type, type Static } from 'typebox';
import { closed, duration, name } from '@tollgate/settings/fields.ts';
import { algorithms } from '../model/issuer.ts';
import { modelName } from './model-names.ts';

const line = (title: string, description: string, most = 256) =>
  Type.String({
    pattern: `^[^\\u0000-\\u001f\\u007f]{1,${most}}$`,
    title,
    description,
  });

const path = (description: string) =>
  Type.String({
    pattern:
      '^(?:[^/\\u0000-\\u001f\\u007f][^\\u0000-\\u001f\\u007f]{0,255}|(?:/(?:[^/~\\u0000-\\u001f\\u007f]|~[01]){1,128}){1,16})$',
    title: "a claim's name, or a path such as /groups/0",
    description,
  });

const source = (description: string) =>
  Type.Optional(
    Type.Union(
      [
        path('A claim.'),
        Type.Object(
          {
            claim: path('A claim.'),
            otherwise: Type.String({
              pattern: '^[^\\u0000-\\u001f\\u007f]{0,128}$',
              title: 'text of at most 128 characters on one line',
              description: 'For tokens without the claim, which are refused else.',
            }),
          },
          closed,
        ),
        Type.Object(
          { value: line('text of 1 to 128 characters on one line', 'The same for all.', 128) },
          closed,
        ),
      ],
      {
        title: "a claim's name, a path such as /groups/0, { claim, otherwise } or { value }",
        description,
      },
    ),
  );

const Claims = Type.Object(
  {
    organization: source('As of a key.'),
    team: source('As of a key: `caller_team` in the ledger.'),
    application: source('As of a key: `caller_app` in the ledger.'),
    namespace: source('As of a key.'),
    environment: source('As of a key.'),
    costCenter: source('As of a key.'),
    user: source(
      'The end user; what the client says of it (`x-tollgate-user`) does not count then.',
    ),
    key: source(
      'Who it is among those of this issuer: the end of `jwt:<name>:<who>`, the id of the key. Default: `sub`.',
    ),
  },
  {
    ...closed,
    title: 'a map such as { team: department }',
    description: 'What fills the fields of a caller.',
  },
);

const audience = line('a text', 'An audience.');

export const Issuer = Type.Object(
  {
    name: name(
      'Names the issuer in the ids of its callers (`jwt:<name>:<who>`), in metrics and logs.',
    ),
    issuer: line(
      'the text of `iss`',
      'What `iss` of its tokens is, to the letter. Where neither `jwks` nor `jwksFile` says where its keys are: the address of an OpenID provider.',
      1024,
    ),
    audience: Type.Union([audience, Type.Array(audience, { minItems: 1, maxItems: 32 })], {
      title: 'a text or a list of texts that is not empty',
      description:
        'What `aud` of a token must hold, or one of these. Tokens made for others are refused.',
    }),
    jwks: Type.Optional(
      line(
        'an address with https',
        'Where its key set is (RFC 7517): https, or http on this machine. Default: what `<issuer>/.well-known/openid-configuration` names.',
        2048,
      ),
    ),
    jwksFile: Type.Optional(
      line(
        'a path',
        'A file with its key set, relative to this one, in place of an address. Read again every ten minutes, and when a token names a key that is not in it.',
        4096,
      ),
    ),
    algorithms: Type.Array(Type.Enum([...algorithms], { title: algorithms.join(', ') }), {
      minItems: 1,
      maxItems: algorithms.length,
      title: 'a list of algorithms',
      description: 'How it may sign (RFC 7518). `none` and HMAC are none of them.',
      default: ['RS256', 'PS256', 'ES256', 'EdDSA', 'Ed25519'],
    }),
    clockSkew: duration(
      '30s',
      'How far its clock may be off ours when `exp` and `nbf` are judged.',
      {
        least: '0s',
        most: '10m',
      },
    ),
    claims: Type.Optional(Claims),
    required: Type.Optional(
      Type.Object(
        {},
        {
          additionalProperties: Type.Union([Type.String(), Type.Number(), Type.Boolean()], {
            title: 'a text, a number, or true or false',
          }),
          title: 'a map of values by claim',
          description:
            'Claims, by name or path, that must have these values; a list must hold the value.',
        },
      ),
    ),
    models: Type.Optional(
      Type.Array(modelName('A model name or pattern.'), {
        minItems: 1,
        maxItems: 1000,
        title: 'a list of model names or patterns',
        description: 'What its callers may use. Default: every model.',
      }),
    ),
    modelsFrom: Type.Optional(
      path(
        'The claim, by name or path, that lists what its caller may use, in place of `models`: a list of texts, or one with spaces between them.',
      ),
    ),
  },
  closed,
);

export type IssuerFields = Static<typeof Issuer>;
