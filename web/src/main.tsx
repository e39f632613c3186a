import { browserTransport } from './api/transport.ts';
import { startApp } from './app/start.tsx';

startApp(browserTransport);
