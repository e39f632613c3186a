import { startApp } from '../src/app/start.tsx';
import { pretendTransport } from './backend/transport.ts';
import { showCashier } from './cashier.ts';

if (location.pathname === '/pretend-cashier') showCashier();
else startApp(pretendTransport);
