import { Link } from 'react-router';
import { useText } from '../../i18n/LanguageProvider.tsx';
import { isOver } from './progress.ts';
import type { UpgradeOf } from './standby_path.ts';
import { useUpgrades } from './use_upgrades.ts';

/** That a ticket waits for a better train already, with the way there; nothing where none does. */
export function OpenNotice({ of: { order_id, item_ids } }: { of: UpgradeOf }) {
  const text = useText();
  const { value } = useUpgrades(order_id);
  const open = value?.filter((standby) => !isOver(standby) && standby.itemIds.some((item_id) => item_ids.includes(item_id))) ?? [];
  return (
    <div role="status">
      {open.length > 0 && (
        <div className="notice notice--standby" data-testid="upgrade-open">
          <div className="notice__body">
            <p>{text.upgrade.already}</p>
            {open.map(({ standbyId }) => (
              <Link key={standbyId} className="button button--small" to={`/standbys/${standbyId}`} data-testid="see-open-upgrade">
                {text.upgrade.see_open}
              </Link>
            ))}
          </div>
        </div>
      )}
    </div>
  );
}
