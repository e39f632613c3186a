import type { Standby } from '#gen/rail/aftersales/v1/standby_pb.ts';
import { Icon } from '../../components/Icon.tsx';
import { useText } from '../../i18n/LanguageProvider.tsx';
import { stepsOf } from './progress.ts';

/** The way of a standby drawn as stations of a line. */
export function StandbySteps({ standby }: { standby: Standby }) {
  const text = useText();
  return (
    <ol className="steps" data-testid="steps">
      {stepsOf(standby).map(({ key, done, current }) => (
        <li key={key} className="steps__one" data-done={done} data-step={key} aria-current={current ? 'step' : undefined}>
          <span className="steps__stop">
            {done && <Icon name="check" />}
            {key === 'fail' && <span aria-hidden="true">×</span>}
          </span>
          <span className="steps__name">{text.standby.steps[key]}</span>
        </li>
      ))}
    </ol>
  );
}
