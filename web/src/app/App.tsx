import { Suspense, lazy } from 'react';
import { BrowserRouter, Route, Routes } from 'react-router';
import type { Api } from '../api/api.ts';
import { PageSkeleton } from '../components/Skeleton.tsx';
import { LanguageProvider } from '../i18n/LanguageProvider.tsx';
import { SearchPage } from '../pages/search/SearchPage.tsx';
import { ApiContext } from './api_context.ts';
import { ErrorBoundary } from './ErrorBoundary.tsx';
import { RequireAccount } from './RequireAccount.tsx';
import { Shell } from './Shell.tsx';
import { UnreadProvider } from './unread.tsx';

/** The search page is in the first load; every other page comes when it is opened. */
const ResultsPage = lazy(() => import('../pages/results/ResultsPage.tsx'));
const LogInPage = lazy(() => import('../pages/account/LogInPage.tsx'));
const RegisterPage = lazy(() => import('../pages/account/RegisterPage.tsx'));
const AccountPage = lazy(() => import('../pages/account/AccountPage.tsx'));
const BookingPage = lazy(() => import('../pages/booking/BookingPage.tsx'));
const QueuePage = lazy(() => import('../pages/queue/QueuePage.tsx'));
const OrdersPage = lazy(() => import('../pages/orders/OrdersPage.tsx'));
const OrderPage = lazy(() => import('../pages/order/OrderPage.tsx'));
const ChangePage = lazy(() => import('../pages/change/ChangePage.tsx'));
const ChangeProgressPage = lazy(() => import('../pages/change/ChangeProgressPage.tsx'));
const PayPage = lazy(() => import('../pages/pay/PayPage.tsx'));
const StandbysPage = lazy(() => import('../pages/standby/StandbysPage.tsx'));
const StandbyFormPage = lazy(() => import('../pages/standby/StandbyFormPage.tsx'));
const StandbyPage = lazy(() => import('../pages/standby/StandbyPage.tsx'));
const MessagesPage = lazy(() => import('../pages/messages/MessagesPage.tsx'));
const PassengersPage = lazy(() => import('../pages/passengers/PassengersPage.tsx'));
const NotFoundPage = lazy(() => import('../pages/NotFoundPage.tsx'));

export function App({ api }: { api: Api }) {
  return (
    <LanguageProvider>
      <ApiContext value={api}>
        <BrowserRouter>
          <UnreadProvider>
            <Shell>
              <ErrorBoundary>
                <Suspense fallback={<PageSkeleton />}>
                  <Pages />
                </Suspense>
              </ErrorBoundary>
            </Shell>
          </UnreadProvider>
        </BrowserRouter>
      </ApiContext>
    </LanguageProvider>
  );
}

function Pages() {
  return (
    <Routes>
      <Route path="/" element={<SearchPage />} />
      <Route path="/trains" element={<ResultsPage />} />
      <Route path="/login" element={<LogInPage />} />
      <Route path="/register" element={<RegisterPage />} />
      <Route element={<RequireAccount />}>
        <Route path="/book/:run_id" element={<BookingPage />} />
        <Route path="/queue" element={<QueuePage />} />
        <Route path="/orders" element={<OrdersPage />} />
        <Route path="/orders/:order_id" element={<OrderPage />} />
        <Route path="/orders/:order_id/pay" element={<PayPage />} />
        <Route path="/orders/:order_id/change" element={<ChangePage />} />
        <Route path="/orders/:order_id/changes/:change_id" element={<ChangeProgressPage />} />
        <Route path="/standbys" element={<StandbysPage />} />
        <Route path="/standbys/new" element={<StandbyFormPage />} />
        <Route path="/standbys/:standby_id" element={<StandbyPage />} />
        <Route path="/messages" element={<MessagesPage />} />
        <Route path="/passengers" element={<PassengersPage />} />
        <Route path="/account" element={<AccountPage />} />
      </Route>
      <Route path="*" element={<NotFoundPage />} />
    </Routes>
  );
}
