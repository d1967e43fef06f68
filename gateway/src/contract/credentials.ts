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
export type CredentialVariable = (typeof credentialVariables)[number];
