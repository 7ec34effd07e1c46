/**
 * What a run is trained and evaluated on: sentences, and the shape of the batches that they come in.
 *
 * @module
 */
import { join } from "node:path";
import { ProgressBar, UserError } from "../config/mod.ts";
import { OBJECTIVES } from "../electra/mod.ts";
import {
  type BatchLayout,
  Corpus,
  holdOut,
  planLayout,
  readCorpusVocabulary,
  type Sentences,
  SPECIAL_TOKENS_A_SENTENCE,
  splitLong,
} from "../packing/mod.ts";
import { Vocabulary } from "../text/mod.ts";
import type { PretrainOptions } from "./options.ts";

/** The data of a run; disposing of it closes the files. */
export interface TrainingData extends Disposable {
  vocabulary: Vocabulary;
  /** Hashes that say whether another run has the same data. */
  identity: { corpus: string; vocabulary: string };
  train: Sentences;
  layout: BatchLayout;
  /** Absent where the run is not evaluated. */
  evaluation?: EvaluationData;
}

/** What a run is evaluated on. */
export interface EvaluationData {
  sentences: Sentences;
  layout: BatchLayout;
  /** Says whether losses of another evaluation compare with those of this one. */
  identity: string;
}

/**
 * Opens the corpora of a run and lays out its batches.
 *
 * @throws {UserError} If a folder, file or option does not allow it.
 */
export async function openTrainingData(options: PretrainOptions): Promise<TrainingData> {
  using opened = new DisposableStack();
  await checkFolder(options.input_dir);
  const vocabulary = await Vocabulary.read(join(options.input_dir, "vocab.txt"));
  const corpus = opened.use(await openCorpus(options.input_dir, vocabulary, options));
  const identity = { corpus: corpus.fingerprint, vocabulary: await vocabulary.hash() };

  const whole = (sentences: Sentences) =>
    options.long === "split"
      ? splitLong(sentences, options.max_seq_length - SPECIAL_TOKENS_A_SENTENCE, vocabulary)
      : sentences;
  const layoutOf = (sentences: Sentences, batchSize: number) =>
    planLayout(sentences, {
      batchSize,
      maxSeqLength: options.max_seq_length,
      mlmProb: options.mlm_prob,
      packing: options.packing,
    });
  // held out before they are split: the pieces of a sentence stay together
  const parts = options.eval_share > 0
    ? holdOut(corpus, options.eval_share, options.seed)
    : { train: corpus, evaluation: undefined };
  const train = whole(parts.train);
  let held: Sentences | undefined = parts.evaluation && whole(parts.evaluation);
  let heldFrom = `${options.eval_share} of ${identity.corpus}`;
  if (options.eval_dir !== undefined) {
    if (held) throw new UserError("Cannot evaluate on both --eval_dir and --eval_share: give one of them");
    await checkFolder(options.eval_dir);
    await checkSameVocabulary(options.eval_dir, identity.vocabulary, options.input_dir);
    const other = opened.use(await openCorpus(options.eval_dir, vocabulary, options));
    [held, heldFrom] = [whole(other), other.fingerprint];
  }
  if (options.do_eval && !held) {
    throw new UserError(
      "Cannot evaluate: --do_eval needs --eval_dir, or a share to hold out with --eval_share",
    );
  }
  if (options.load_best_model_at_end && (!held || options.do_eval === false)) {
    throw new UserError(
      "Cannot tell which checkpoint is best: --load_best_model_at_end needs --eval_dir or --eval_share, evaluated",
    );
  }
  const evalBatchSize = options.per_device_eval_batch_size ?? options.batch_size;
  const files = opened.move();
  return {
    vocabulary,
    identity,
    train,
    layout: layoutOf(train, options.batch_size),
    ...(held && options.do_eval !== false && {
      evaluation: {
        sentences: held,
        layout: layoutOf(held, evalBatchSize),
        identity: `${heldFrom}, batches of ${evalBatchSize}`, // the contrast is within a batch
      },
    }),
    [Symbol.dispose]: () => files.dispose(),
  };
}

async function checkFolder(folder: string) {
  const isFolder = await Deno.stat(folder).then((entry) => entry.isDirectory, () => false);
  if (!isFolder) {
    throw new UserError(
      `Cannot read corpus "${folder}": no such folder; make one with \`deno task preprocess\``,
    );
  }
}

/** Refuses ids that mean other tokens; a folder without a vocabulary of its own has this one's. */
async function checkSameVocabulary(folder: string, hash: string, trainingFolder: string) {
  const own = await readCorpusVocabulary(join(folder, "corpus"));
  if (own === undefined || await own.hash() === hash) return;
  throw new UserError(
    `Cannot evaluate on "${folder}": its vocab.txt is another than that of "${trainingFolder}"; preprocess it with ` +
      "that one",
  );
}

/** Opens a corpus; every id is looked at, which takes seconds a gigabyte. */
async function openCorpus(folder: string, vocabulary: Vocabulary, options: PretrainOptions): Promise<Corpus> {
  let bar: ProgressBar | undefined;
  let corpus;
  try {
    corpus = await Corpus.open(folder, vocabulary, {
      onProgress: (ids, total) => {
        bar ??= new ProgressBar({ label: "Checking the corpus", unit: "tokens", total, terminalOnly: true });
        bar.update(ids);
      },
    });
  } finally {
    bar?.finish();
  }
  const views = OBJECTIVES[options.objective].views;
  if ((views === "pair") !== corpus.pairs) {
    corpus[Symbol.dispose]();
    throw new UserError(
      views === "pair"
        ? `Cannot train --objective ${options.objective} on "${folder}": it needs pairs, as \`deno task preprocess --pairs\` makes`
        : `Cannot train --objective ${options.objective} on "${folder}": it is a corpus of pairs, for --objective qa-matching`,
    );
  }
  return corpus;
}
