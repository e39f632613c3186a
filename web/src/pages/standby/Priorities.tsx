import { useText } from '../../i18n/LanguageProvider.tsx';
import { PRIORITY_RULES } from './priorities.ts';
import type { PriorityRule } from './priorities.ts';

/** The published order of service; `own` is where this request stands in it. */
export function Priorities({ own }: { own?: number | undefined }) {
  const text = useText();
  const words = ({ reason, from }: PriorityRule): string => {
    if (reason === 'WAITED') return text.standby.priority_waited(from);
    if (reason === 'MEMBER') return text.standby.priority_member(from);
    return reason === 'GROUP' ? text.standby.priority_group(from) : text.standby.priority_everybody;
  };
  const mine = PRIORITY_RULES.find(({ priority }) => priority === own);
  return (
    <details className="standby__priorities" data-testid="standby-priorities">
      <summary>{mine === undefined ? text.standby.priorities : text.standby.priority_own(words(mine))}</summary>
      <p>{text.standby.priorities_rule}</p>
      <ol>
        {PRIORITY_RULES.map((rule) => (
          <li key={rule.priority} aria-current={rule.priority === own}>
            {words(rule)}
          </li>
        ))}
      </ol>
    </details>
  );
}
