/** Inspection: what a corpus holds, as numbers, text and a picture. */
export {
  type CorpusPlace,
  inspectCorpus,
  type Inspection,
  inspectionPicturePath,
  type InspectOptions,
  type LengthHistogram,
  locateCorpus,
} from "./inspect.ts";
export { type ExampleOptions, type ExampleSentence, exampleSentences, type MaskedToken } from "./examples.ts";
export { inspectionPicture } from "./picture.ts";
export { EXAMPLE_LEGEND, exampleText, inspectionText } from "./text.ts";
export { type Report, type ReportCounts } from "./report.ts";
