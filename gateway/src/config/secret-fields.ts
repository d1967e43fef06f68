/** Fields whose value is a credential. */
export const secretFields: readonly string[] = [
  'apiKey',
  'secret',
  'accessKeyId',
  'secretAccessKey',
  'sessionToken',
  'clientSecret',
];
