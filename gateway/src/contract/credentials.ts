/**
 * The environment variables that hold a vendor's credential by convention. Without a configuration file each of them
 * brings its vendor's models; `npm start` looks here to know whether there is more to serve than the demo.
 */
export const credentialVariables = [
  'OPENAI_API_KEY',
  'ANTHROPIC_API_KEY',
  'DEEPSEEK_API_KEY',
  'GROQ_API_KEY',
  'MISTRAL_API_KEY',
  'OPENROUTER_API_KEY',
  'TOGETHER_API_KEY',
  'XAI_API_KEY',
] as const;
/** Those of vendors that need more than a credential, which only a configuration file can say. */
const furtherVariables = [
  'AZURE_OPENAI_API_KEY',
  'AZURE_CLIENT_SECRET',
  'AWS_ACCESS_KEY_ID',
  'AWS_SECRET_ACCESS_KEY',
  'AWS_SESSION_TOKEN',
] as const;
export type CredentialVariable = (typeof credentialVariables | typeof furtherVariables)[number];
