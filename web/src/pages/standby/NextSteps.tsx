import { Link, useNavigate } from 'react-router';
import { StandbyState } from '#gen/rail/aftersales/v1/standby_pb.ts';
import type { Standby } from '#gen/rail/aftersales/v1/standby_pb.ts';
import { errorSpec, isErrorReason } from '#kit/base/errors.ts';
import { useSpeech } from '../../i18n/LanguageProvider.tsx';
import { planPath } from '../change/plan.ts';
import { adviceFor } from './advice.ts';
import { saveBasket } from './basket.ts';
import { basketOf } from './again.ts';
import { endingOf } from './progress.ts';

/** Why a standby failed, and what to do next: the same request again, other trains, or what stood in the way. */
export function NextSteps({ standby }: { standby: Standby }) {
  const { text, language } = useSpeech();
  const navigate = useNavigate();
  if (standby.state !== StandbyState.FAIL) return null;
  const ending = endingOf(standby);
  const spec = isErrorReason(standby.reason) ? errorSpec(standby.reason) : undefined;
  const sentence = ending === 'refused' ? (language === 'zh' ? spec?.message_zh : spec?.message_en) : undefined;
  const advice = adviceFor(standby.reason);
  const again = (): void => {
    saveBasket(sessionStorage, basketOf(standby));
    void navigate('/standbys/new');
  };
  return (
    <section className="notice" data-testid="standby-failed" data-reason={standby.reason}>
      <div className="notice__body">
        <p>{sentence ?? text.standby.endings[ending === 'unpaid' && standby.upgradeOfOrderId !== '' ? 'upgrade_unpaid' : ending]}</p>
        {advice === 'passengers' && <Link to="/passengers">{text.nav.passengers}</Link>}
        {standby.orderId !== '' && <Link to={`/orders/${standby.orderId}`}>{text.messages.open_order}</Link>}
        <div className="standby__next">
          {standby.upgradeOfOrderId === '' && (
            <button type="button" className="button button--small" onClick={again} data-testid="standby-again">
              {text.standby.again}
            </button>
          )}
          <Link className="button button--small" to={standby.upgradeOfOrderId === '' ? '/' : planPath(standby.upgradeOfOrderId, { step: 'ride', item_ids: standby.itemIds })}>
            {standby.upgradeOfOrderId === '' ? text.standby.other_trains : text.upgrade.choose_again}
          </Link>
        </div>
      </div>
    </section>
  );
}
