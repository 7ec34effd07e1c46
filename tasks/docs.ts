/** `deno task docs`: writes every command's flags to tasks/README.md, from the tables that the commands read. */
import { markdownOptions, type OptionTable } from "../lib/config/mod.ts";
import { CBLUE_OPTIONS, FINETUNE_OPTIONS } from "../lib/cblue/mod.ts";
import { PRETRAIN_OPTIONS } from "../lib/training/mod.ts";
import { CHECK_FORMAT_OPTIONS } from "./check_format.ts";
import { CONVERT_OPTIONS } from "./convert.ts";
import { DEMO_OPTIONS } from "./demo.ts";
import { DOCTOR_OPTIONS } from "./doctor.ts";
import { EVALUATE_OPTIONS } from "./evaluate.ts";
import { EXPORT_OPTIONS } from "./export.ts";
import { INFER_OPTIONS } from "./infer.ts";
import { INSPECT_OPTIONS } from "./inspect.ts";
import { LAB_OPTIONS } from "./lab.ts";
import { LAUNCH_OPTIONS } from "./launch.ts";
import { MERGE_OPTIONS } from "./merge.ts";
import { NOTEBOOKS_OPTIONS } from "./notebooks.ts";
import { MODEL_OPTIONS } from "./model.ts";
import { PREDICT_OPTIONS } from "./predict.ts";
import { PREPROCESS_OPTIONS } from "./preprocess.ts";
import { REPORT_OPTIONS } from "./report.ts";
import { SERVE_OPTIONS } from "./serve.ts";
import { SETUP_OPTIONS } from "./setup.ts";
import { SUBMIT_OPTIONS } from "./submit.ts";
import { VOCAB_OPTIONS } from "./vocab.ts";

const COMMANDS: Record<string, OptionTable> = {
  demo: DEMO_OPTIONS,
  setup: SETUP_OPTIONS,
  doctor: DOCTOR_OPTIONS,
  vocab: VOCAB_OPTIONS,
  preprocess: PREPROCESS_OPTIONS,
  merge: MERGE_OPTIONS,
  inspect: INSPECT_OPTIONS,
  pretrain: PRETRAIN_OPTIONS,
  finetune: FINETUNE_OPTIONS,
  cblue: CBLUE_OPTIONS,
  evaluate: EVALUATE_OPTIONS,
  predict: PREDICT_OPTIONS,
  "check-format": CHECK_FORMAT_OPTIONS,
  submit: SUBMIT_OPTIONS,
  export: EXPORT_OPTIONS,
  infer: INFER_OPTIONS,
  serve: SERVE_OPTIONS,
  convert: CONVERT_OPTIONS,
  model: MODEL_OPTIONS,
  launch: LAUNCH_OPTIONS,
  report: REPORT_OPTIONS,
  lab: LAB_OPTIONS,
  notebooks: NOTEBOOKS_OPTIONS,
};

/** The page: one table of flags a command. */
export function flagsPage(): string {
  const sections = Object.entries(COMMANDS).map(([name, table]) =>
    `## deno task ${name}\n\n${markdownOptions(table)}`
  );
  return [
    "# Commands and their flags",
    "",
    "Written by `deno task docs`. `--batch-size` and `--batch_size` are the same; `--help` prints this for one command.",
    "",
    ...sections,
  ].join("\n");
}

/** Where the page lies. */
export const FLAGS_PAGE = new URL("./README.md", import.meta.url);

if (import.meta.main) await Deno.writeTextFile(FLAGS_PAGE, flagsPage());
