/**
 * A server of exported models: PaddleNLP's SimpleServer, KServe's protocol V2, metrics, and a page for people.
 *
 * @module
 */
export { type AccessLog, accessLog, type AccessRecord } from "./access_log.ts";
export { DEFAULT_LIMITS, type Limits } from "./limits.ts";
export { Metrics } from "./metrics.ts";
export { RequestError } from "./request_error.ts";
export { Scheduler, type SchedulerObserver, type SchedulerOptions } from "./scheduler.ts";
export { ServedModel, type ServedModelOptions } from "./served_model.ts";
export { Server, type ServerOptions } from "./server.ts";
export { type NamedFolder, Service } from "./service.ts";
