import type { Interceptor, Transport } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-web';

/** Makes a transport. `cacheable` ones carry only public reads, which may travel as GET and be kept by caches. */
export type TransportFactory = (options: { cacheable: boolean; interceptors: Interceptor[] }) => Transport;

/**
 * The one place that chooses the protocol between browser and edge: Connect, in protobuf's binary form, since Envoy's
 * bridge hands the body on unread and the services behind it speak `application/grpc+proto` only. gRPC-Web would be
 * `createGrpcWebTransport` with the same options (and without GET).
 */
export const browserTransport: TransportFactory = ({ cacheable, interceptors }) =>
  createConnectTransport({
    baseUrl: location.origin,
    useBinaryFormat: true,
    // Personal reads stay POST: what is in a URL ends up in access logs.
    useHttpGet: cacheable,
    defaultTimeoutMs: UNARY_TIMEOUT_MS,
    interceptors,
  });

/** Longer than the slowest method (real-name verification, 15 s), so that the server's own answer comes first. */
const UNARY_TIMEOUT_MS = 18_000;
