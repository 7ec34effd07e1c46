/**
 * Models as ONNX files.
 *
 * @module
 */
export { type DeployedConfig, type GraphOptions, modelGraph, outputNames } from "./model.ts";
export { type Format, type Parameter, type ParameterLookup } from "./layers.ts";
export { addMetadata, writeModel, type WriteOptions } from "./model_file.ts";
export { Graph, type Value } from "./graph.ts";
