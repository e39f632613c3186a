import { useEffect, useEffectEvent, useState } from 'react';
import { Link, useNavigate, useSearchParams } from 'react-router';
import { Empty } from '../../components/Empty.tsx';
import { Skeleton } from '../../components/Skeleton.tsx';
import { useText } from '../../i18n/LanguageProvider.tsx';
import '../../styles/booking.css';
import '../../styles/standby.css';
import { planPath } from '../change/plan.ts';
import { WISHES_MAX, hasWish, readBasket, saveBasket, withWish } from './basket.ts';
import type { Basket } from './basket.ts';
import { OpenNotice } from './OpenNotice.tsx';
import { StandbyError } from './StandbyError.tsx';
import { StandbyForm } from './StandbyForm.tsx';
import { upgradeFromAddress, upgradePath, wishFromAddress } from './standby_path.ts';
import type { UpgradeOf } from './standby_path.ts';
import { UpgradeForm } from './UpgradeForm.tsx';
import { useSubmission } from './use_submission.ts';

/** Joins standby: the rides one would take, who travels or which tickets are to be changed, until when, and what may be hoped for. */
export default function StandbyFormPage() {
  const [search] = useSearchParams();
  const of = upgradeFromAddress(search);
  return <FormPage of={of} key={of === undefined ? '' : upgradePath(of)} />;
}

function FormPage({ of }: { of: UpgradeOf | undefined }) {
  const text = useText();
  const { basket, setBasket, full } = useBasket(of);
  const submission = useSubmission(of?.order_id);
  const { title, lead } = of === undefined ? text.standby : text.upgrade;
  return (
    <div className="page booking standby">
      <title>{`${title} · ${text.brand.name}`}</title>
      <h1>{title}</h1>
      <p className="standby__lead">{lead}</p>
      {full && <p className="notice" role="status">{text.standby.full(WISHES_MAX)}</p>}
      {of !== undefined && !submission.open && <OpenNotice of={of} />}
      {submission.open ? (
        <div role="status" data-testid="standby-submitting">
          {submission.busy && <p className="notice">{text.standby.submitting}</p>}
          {submission.busy && <Skeleton rows={2} />}
          <StandbyError error={submission.error} wishes={basket.wishes} onRetry={submission.again} />
          {submission.error !== undefined && (
            <p>
              {text.standby.outcome_unknown} <Link to="/standbys">{text.standby.list_title}</Link>
            </p>
          )}
        </div>
      ) : basket.wishes.length === 0 ? (
        <Empty title={text.standby.nothing_chosen} hint={of === undefined ? text.standby.nothing_chosen_hint : text.upgrade.ride_hint}>
          <Link className="button button--primary" to={of === undefined ? '/' : planPath(of.order_id, { step: 'ride', item_ids: of.item_ids })}>
            {of === undefined ? text.search.submit : text.upgrade.choose_again}
          </Link>
        </Empty>
      ) : of !== undefined ? (
        <UpgradeForm of={of} basket={basket} submission={submission} onChange={setBasket} />
      ) : (
        <StandbyForm basket={basket} error={submission.error} onChange={setBasket} onSubmit={submission.submit} />
      )}
    </div>
  );
}

/** The request in the making; a ride that the address names goes into it, and the address is done with. */
function useBasket(of: UpgradeOf | undefined): { basket: Basket; setBasket: (basket: Basket) => void; /** The ride found no room. */ full: boolean } {
  const [search] = useSearchParams();
  const navigate = useNavigate();
  const wish = wishFromAddress(search);
  const [basket, setBasket] = useState(() => (wish === undefined ? readBasket(sessionStorage, of) : withWish(readBasket(sessionStorage, of), wish)));
  const [full] = useState(() => wish !== undefined && !hasWish(basket, wish));
  const tidy = useEffectEvent(() => {
    saveBasket(sessionStorage, basket);
    if (wish !== undefined) void navigate(of === undefined ? '/standbys/new' : upgradePath(of), { replace: true });
  });
  useEffect(() => tidy(), []);
  const change = (changed: Basket): void => {
    saveBasket(sessionStorage, changed);
    setBasket(changed);
  };
  return { basket, setBasket: change, full };
}
