/** How models are named in a configuration. */
import { Type } from 'typebox';

/** Printable, without spaces, and a star only at the end. */
export const modelPattern = '^[^\\s*\\u0000-\\u001f\\u007f]{0,200}\\*?$';
export const modelTitle = "a model's name, or a pattern with one * at its end";
export const modelName = (description: string) =>
  Type.String({ pattern: modelPattern, minLength: 1, title: modelTitle, description });
export const exactModel = (description: string) =>
  Type.String({
    pattern: '^[^\\s*\\u0000-\\u001f\\u007f]{1,200}$',
    title: "a model's exact name, without *",
    description,
  });
