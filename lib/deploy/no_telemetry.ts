/**
 * Imported before onnxruntime: from 1.29 on it tells its maker over the network of processes, sessions and models, and keeps an
 * id of the machine, unless this variable is set when it is loaded. Whoever serves texts about patients wants none of it.
 */
Deno.env.set("ORT_DISABLE_TELEMETRY", "1");
