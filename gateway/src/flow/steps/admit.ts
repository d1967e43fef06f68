import { mayUse } from '../../decide/plan.ts';
import { refusalFor } from '../../decide/refuse.ts';
import { pass, type Step } from '../step.ts';

/** Names listed in an error; a caller with hundreds of models gets the first ones. */
const maxListed = 50;
const maxShownChars = 100;

const listed = (usable: readonly string[]): string => {
  const more = usable.length > maxListed ? `, and ${usable.length - maxListed} more` : '';
  return `${usable.slice(0, maxListed).join(', ')}${more}`;
};

/** May this caller use this model, and is there one of that name? */
export const admit: Step = {
  name: 'admit',
  look({ caller, parameters: { model }, targets }, on) {
    if (mayUse(caller, model) && targets.length > 0) return pass;
    const usable = on.usable(caller);
    const message =
      usable.length === 0
        ? 'This key may use no model.'
        : `This key has no model '${model.slice(0, maxShownChars)}'. It may use: ${listed(usable)}.`;
    return {
      kind: 'refuse',
      refusal: refusalFor({ code: 'model_not_found', message, param: 'model' }),
    };
  },
};
