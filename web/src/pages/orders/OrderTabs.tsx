import { NavLink } from 'react-router';
import { useText } from '../../i18n/LanguageProvider.tsx';

/** Orders, and the requests that wait to become one. */
export function OrderTabs() {
  const text = useText();
  return (
    <nav className="kinds" aria-label={text.standby.tabs}>
      <NavLink className="kinds__kind" to="/orders" replace>
        {text.nav.orders}
      </NavLink>
      <NavLink className="kinds__kind" to="/standbys" replace data-testid="tab-standbys">
        {text.standby.tab}
      </NavLink>
    </nav>
  );
}
