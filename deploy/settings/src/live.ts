/** Which settings count while a program runs, and which only at its start. */
import { Type, type TObject, type TSchema } from 'typebox';
import { isMap } from './context.ts';
import { decodedName, type Decoded } from './decode.ts';
import { shown, type Path } from './document.ts';

/** Whether a change of a setting counts at once, where what lies around it says `otherwise`. */
export const isLive = (declared: TSchema, otherwise: boolean): boolean =>
  'live' in declared && typeof declared.live === 'boolean' ? declared.live : otherwise;

type Settings = Readonly<Record<string, unknown>>;

const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

const merge = (
  schema: TObject,
  [running, next]: readonly [Settings, Settings],
  { at, live, waiting }: { readonly at: Path; readonly live: boolean; readonly waiting: string[] },
): Settings =>
  Object.fromEntries(
    Object.entries(schema.properties).map(([name, field]: [string, TSchema]) => {
      const key = decodedName(name, field);
      const [old, wanted] = [running[key], next[key]];
      const [path, counts] = [[...at, name], isLive(field, live)];
      if (Type.IsObject(field) && isMap(old) && isMap(wanted))
        return [key, merge(field, [old, wanted], { at: path, live: counts, waiting })];
      if (counts || same(old, wanted)) return [key, wanted];
      waiting.push(shown(path));
      return [key, old];
    }),
  );

/**
 * What is in force after a reload: of `next` the settings that count at once, of `running` the rest. `waiting` names those
 * that differ, and count only when the program is started again.
 */
export const takeOver = <S extends TObject>(
  schema: S,
  running: Decoded<S>,
  next: Decoded<S>,
): { readonly inForce: Decoded<S>; readonly waiting: readonly string[] } => {
  const waiting: string[] = [];
  const inForce = merge(schema, [running, next], { at: [], live: true, waiting });
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- every key has the value of one of the two
  return { inForce: inForce as Decoded<S>, waiting };
};
