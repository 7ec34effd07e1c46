/**
 * Puts back two functions of `node:util` that tfjs-node 4.22.0 still calls and that current Node versions dropped.
 *
 * @module
 */
import { createRequire } from "node:module";

const util = createRequire(import.meta.url)("node:util");
util.isNullOrUndefined ??= (value: unknown) => value === null || value === undefined;
util.isArray ??= Array.isArray;
