/**
 * Models by name: from the Hugging Face hub or PaddleNLP's, kept where their own tools keep them.
 *
 * @module
 */
export { type HubName, parseHubName, PUBLISHED, type PublishedModel } from "./names.ts";
export { PATIENCE, type Patience } from "./requests.ts";
export { resolveModel, type ResolveOptions } from "./resolve.ts";
export { type HubSettings, hubSettings } from "./settings.ts";
