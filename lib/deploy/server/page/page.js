/** The page: chooses a model, asks it by KServe's protocol, shows what it says. */
import { bars, colours, element, markedText, swatch, table } from "./drawing.js";
import { EXAMPLES, TEXTS } from "./texts.js";

const byId = (id) => document.getElementById(id);
const [form, model, text, pair, token] = ["question", "model", "text", "pair", "token"].map(byId);
const [status, answer, problem, language] = ["status", "answer", "problem", "language"].map(byId);

/** Metadata by name. */
const models = new Map();
let words = TEXTS[navigator.language.startsWith("zh") ? "zh" : "en"];
/** What is said beside the answer: a key of the texts. */
let state = "none";
/** Draws the answer that is shown, again after a change of language. */
let draw = () => {};
let asking;

/** Something to tell the person. */
class Problem extends Error {}

function speak(key) {
  state = key;
  status.textContent = words[key];
}

function translate(to) {
  words = TEXTS[to];
  document.documentElement.lang = to;
  for (const one of document.querySelectorAll("[data-text]")) one.textContent = words[one.dataset.text];
  language.textContent = words.other;
  language.lang = to === "zh" ? "en" : "zh";
  speak(state);
  draw();
}

/** Asks the server; what went wrong becomes a problem for people. */
async function fetchJson(path, body, signal) {
  const headers = token.value === "" ? {} : { authorization: `Bearer ${token.value}` };
  let response;
  try {
    response = await fetch(path, {
      headers,
      signal,
      ...(body && { method: "POST", body: JSON.stringify(body) }),
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Problem(words.unreachable);
  }
  if (response.status === 401) {
    byId("token-field").hidden = false;
    token.focus();
    throw new Problem(words.unauthorized);
  }
  const said = await response.json().catch(() => ({ error: `HTTP ${response.status}` }));
  if (!response.ok) throw new Problem(words.refused + said.error);
  return said;
}

function show(error) {
  if (!(error instanceof Problem)) throw error;
  problem.textContent = error.message;
  problem.hidden = false;
}

async function loadModels() {
  const { models: names } = await fetchJson("/v2/models");
  for (const name of names) {
    const metadata = await fetchJson(`/v2/models/${encodeURIComponent(name)}`);
    models.set(name, metadata);
    const { task } = metadata.parameters;
    model.append(
      element("option", { value: name }, name === task.toLowerCase() ? task : `${name} (${task})`),
    );
  }
  chooseModel();
}

function chooseModel() {
  const { inputs } = models.get(model.value);
  byId("pair-field").hidden = inputs.length < 2;
  draw = () => {};
  answer.replaceChildren();
  speak("none");
}

async function ask() {
  problem.hidden = true;
  if (models.size === 0) await loadModels();
  const { name, inputs, parameters } = models.get(model.value);
  const texts = [text.value, pair.value].slice(0, inputs.length).map((one) => one.trim());
  if (texts.includes("")) throw new Problem(words.empty);
  asking?.abort();
  const { signal } = asking = new AbortController();
  speak("working");
  answer.setAttribute("aria-busy", "true");
  try {
    const tensors = texts.map((one, i) => ({
      name: inputs[i].name,
      shape: [1],
      datatype: "BYTES",
      data: [one],
    }));
    const path = `/v2/models/${encodeURIComponent(name)}/infer`;
    const { outputs } = await fetchJson(path, { inputs: tensors }, signal);
    const said = Object.fromEntries(outputs.map(({ name, data }) => [name, data]));
    draw = () => answer.replaceChildren(...VIEWS[parameters.kind](texts[0], said, parameters));
    draw();
    speak("done");
  } catch (error) {
    if (signal.aborted) return;
    draw = () => {};
    answer.replaceChildren();
    speak("none");
    throw error;
  } finally {
    if (asking.signal === signal) answer.removeAttribute("aria-busy");
  }
}

const placeOf = ({ start_id, end_id }) => `${start_id}–${end_id}`;
const nothing = () => element("p", {}, words.nothing);

/** What each kind of task shows. */
const VIEWS = {
  classification(_, { probabilities }, { labels }) {
    const named = labels.map(({ name, chinese }, i) => ({
      name: name === chinese ? name : `${chinese} (${name})`,
      probability: probabilities[i],
    }));
    return [bars(words.confidence, named)];
  },
  entities(text, { entities: [json] }, { labels }) {
    const entities = JSON.parse(json), colourOf = colours(labels.map(({ name }) => name));
    if (entities.length === 0) return [markedText(text, [], colourOf), nothing()];
    const rows = entities.map((entity) => [
      entity.text,
      swatch(`${entity.name} (${entity.type})`, colourOf(entity.type)),
      placeOf(entity),
    ]);
    return [
      markedText(text, entities, colourOf),
      table(words.entities, [words.entity, words.type, words.place], rows),
    ];
  },
  relations(text, { entities: [json], triples: [triplesJson] }) {
    const triples = JSON.parse(triplesJson), marked = markedText(text, JSON.parse(json), () => 0);
    if (triples.length === 0) return [marked, nothing()];
    const rows = triples.map(({ subject, predicate, object }) => [
      swatch(subject.text, 0),
      element("span", { class: "arrow" }, predicate),
      swatch(object.text, 0),
    ]);
    return [marked, table(words.relations, [words.subject, words.predicate, words.object], rows)];
  },
  normalization(_, { terms: [json] }) {
    const terms = JSON.parse(json);
    if (terms.length === 0) return [nothing()];
    return [element("ul", { "aria-label": words.terms }, ...terms.map((term) => element("li", {}, term)))];
  },
};

form.addEventListener("submit", (event) => {
  event.preventDefault();
  ask().catch(show);
});
form.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
});
model.addEventListener("change", chooseModel);
token.addEventListener(
  "change",
  () => models.size === 0 && loadModels().then(() => problem.hidden = true).catch(show),
);
language.addEventListener("click", () => translate(words === TEXTS.zh ? "en" : "zh"));
byId("example").addEventListener("click", () => {
  const { kind } = models.get(model.value)?.parameters ?? { kind: "entities" };
  [text.value, pair.value = ""] = EXAMPLES[kind];
  text.focus();
});

translate(words === TEXTS.zh ? "zh" : "en");
loadModels().catch(show);
