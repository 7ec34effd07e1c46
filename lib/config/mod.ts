/** Option tables, user errors, files that are whole or not there, progress: what every room may lean on. */
export { commandLine } from "./command.ts";
export { COMPUTE_OPTIONS, NUM_THREADS } from "./compute_options.ts";
export {
  type ByteHash,
  type Disk,
  diskErrorReason,
  fileError,
  partialPath,
  realDisk,
  removePartials,
  syncFolder,
  writeAtomically,
} from "./disk.ts";
export { PEER_LOST_STATUS, PeerLostError, UserError } from "./errors.ts";
export { lockFile, type LockOptions } from "./lock.ts";
export {
  describeOptions,
  markdownOptions,
  nearestName,
  type OptionDescription,
  optionName,
  type OptionsOf,
  type OptionSpec,
  type OptionTable,
  type OptionType,
  parseOptionText,
  resolveOptions,
} from "./options.ts";
export { formatDuration, ProgressBar, type ProgressBarOptions } from "./progress.ts";
