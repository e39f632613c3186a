import { Link } from 'react-router';
import { Icon } from '../../components/Icon.tsx';
import { useText } from '../../i18n/LanguageProvider.tsx';
import { STEPS } from './progress.ts';
import type { ChangeStep } from './progress.ts';

/** The way of a change as stations of a line; steps that can still be gone back to are links. */
export function ChangeSteps({ now, finished = false, pathOf }: { now: ChangeStep; finished?: boolean; pathOf?: (step: ChangeStep) => string | undefined }) {
  const text = useText();
  const at = STEPS.indexOf(now);
  return (
    <nav aria-label={text.change.steps_label}>
      <ol className="steps changesteps" data-testid="change-steps" data-step={now}>
        {STEPS.map((step, index) => {
          const done = index < at || finished;
          const path = index < at ? pathOf?.(step) : undefined;
          const name = text.change.steps[step];
          return (
            <li key={step} className="steps__one" data-done={done} aria-current={index === at ? 'step' : undefined}>
              <span className="steps__stop">{done && <Icon name="check" />}</span>
              <span className="steps__name">{path === undefined ? name : <Link to={path}>{name}</Link>}</span>
            </li>
          );
        })}
      </ol>
    </nav>
  );
}
