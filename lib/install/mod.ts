/** Installing Python packages into the project's `.venv`, for the files that they carry. */
export {
  digestOf,
  environmentPath,
  installOnce,
  type InstallOptions,
  prepareEnvironment,
  remove,
  sitePackages,
  Stamp,
  STAMP_INSTALLING,
} from "./environment.ts";
export { installLab, type LabInstallation } from "./lab.ts";
export { findLac, installLac, LAC_VARIABLE, type LacInstallation } from "./lac.ts";
export { findPip, isWithoutWheel, type Outcome, type Pip, type PipOptions, reasonOf, run } from "./pip.ts";
