/** Answers as elements: texts with coloured entities, tables, bars. Texts only ever become text nodes. */

/** How many colours `page.css` has. */
const COLOURS = 10;

/** Makes an element; a child that is a string becomes text. */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

/**
 * A text with what is named in it: a mark around each entity, those within others nested, what crosses another split where it
 * does. Places count code points.
 */
export function markedText(text, entities, colourOf) {
  const characters = Array.from(text);
  const sorted = split(entities).sort((a, b) => a.start_id - b.start_id || b.end_id - a.end_id);
  const write = (parent, start, end, inside) => {
    let at = start;
    while (inside.length > 0) {
      const [first, ...others] = inside;
      parent.append(characters.slice(at, first.start_id).join(""));
      const within = others.filter(({ end_id }) => end_id <= first.end_id);
      const title = `${first.name ?? ""} ${first.start_id}–${first.end_id}`.trim();
      const mark = element("mark", { class: `c${colourOf(first.type)}`, title });
      write(mark, first.start_id, first.end_id, within);
      if (first.name && first.isLast) mark.append(element("small", {}, first.name));
      parent.append(mark);
      at = first.end_id;
      inside = others.slice(within.length);
    }
    parent.append(characters.slice(at, end).join(""));
  };
  const line = element("p", { class: "marked" });
  write(line, 0, characters.length, sorted);
  return line;
}

/** Entities of which none crosses another: the later one of two that do is cut where the earlier one ends. */
function split(entities) {
  const waiting = [...entities].map((entity) => ({ ...entity, isLast: true })), whole = [];
  const order = (a, b) => a.start_id - b.start_id || b.end_id - a.end_id;
  while (waiting.length > 0) {
    const entity = waiting.sort(order).shift();
    const crossed = whole.find(({ start_id, end_id }) =>
      start_id < entity.start_id && entity.start_id < end_id && end_id < entity.end_id
    );
    if (crossed) {
      waiting.push({ ...entity, end_id: crossed.end_id, isLast: false }, {
        ...entity,
        start_id: crossed.end_id,
      });
    } else whole.push(entity);
  }
  return whole;
}

/** A table with a caption. */
export function table(caption, columns, rows) {
  const head = element("tr", {}, ...columns.map((column) => element("th", { scope: "col" }, column)));
  const body = rows.map((row) => element("tr", {}, ...row.map((cell) => element("td", {}, cell))));
  const made = element("table", {}, element("caption", {}, caption), element("thead", {}, head));
  made.append(element("tbody", {}, ...body));
  return made;
}

/** Labels with their probabilities as bars, the likeliest first. */
export function bars(caption, labels) {
  const list = element("ol", { class: "bars", "aria-label": caption });
  for (const { name, probability } of [...labels].sort((a, b) => b.probability - a.probability)) {
    const percent = `${(100 * probability).toFixed(1)} %`;
    const bar = element("meter", { min: 0, max: 1, value: probability, "aria-label": `${name} ${percent}` });
    list.append(
      element("li", {}, element("span", {}, name), bar, element("span", { class: "number" }, percent)),
    );
  }
  return list;
}

/** A number from 0 for each type, in the order in which the model has them. */
export function colours(types) {
  return (type) => Math.max(0, types.indexOf(type)) % COLOURS;
}

/** A type with its colour. */
export function swatch(name, colour) {
  return element("span", { class: `swatch c${colour}` }, name);
}
