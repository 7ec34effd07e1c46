/** Option tables, user errors and progress: what every room may lean on. */
export { UserError } from "./errors.ts";
export {
  describeOptions,
  markdownOptions,
  nearestName,
  type OptionDescription,
  type OptionsOf,
  type OptionSpec,
  type OptionTable,
  type OptionType,
  parseOptionText,
  resolveOptions,
} from "./options.ts";
export { formatDuration, ProgressBar, type ProgressBarOptions } from "./progress.ts";
