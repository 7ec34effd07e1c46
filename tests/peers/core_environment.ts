/** Names our backend as the one to test; the suite's modules look at it while they are loaded. */
import { setTestEnvs } from "@tensorflow/tfjs-core/dist/jasmine_util.js";

setTestEnvs([{ name: "test-tensorflow", backendName: "tensorflow", flags: {}, isDataSync: true }]);
