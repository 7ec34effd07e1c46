import assert from "node:assert/strict";
import { generateCorpus } from "../../lib/text/mod.ts";
import { DISEASES } from "../../lib/text/medical_terms.ts";

/** Distinct terms of all lists. */
function allTerms(): Set<string> {
  return new Set(DISEASES.flatMap((disease) => [
    disease.name,
    disease.department,
    disease.part,
    ...disease.symptoms,
    ...disease.examinations,
    ...disease.drugs.map((drug) => drug.name),
    ...disease.treatments,
  ]));
}

Deno.test("the default corpus has 5,000 distinct sentences without gaps", () => {
  const sentences = [...generateCorpus()];
  assert.equal(sentences.length, 5000);
  assert.equal(new Set(sentences).size, 5000);
  for (const sentence of sentences) {
    assert.match(sentence, /^[^{}\s]{8,120}$/);
    assert.doesNotMatch(sentence, /undefined|NaN|null|、、|，，/);
    assert.match(sentence, /[。？]$/);
  }
});

Deno.test("the seed decides the corpus, and a longer corpus begins with the shorter one", () => {
  const take = (sentences: number, seed: number) => [...generateCorpus({ sentences, seed })];
  assert.deepEqual(take(50, 7), take(200, 7).slice(0, 50));
  assert.notDeepEqual(take(50, 7), take(50, 8));
  // The same on every machine: the numbers come from 32-bit integer arithmetic alone.
  assert.deepEqual(take(2, 3), [
    "氨基葡萄糖与低分子肝素都可用于股骨颈骨折，前者每日1次。",
    "社区获得性肺炎患者使用头孢曲松期间，每7周应复查一次C反应蛋白。",
  ]);
});

Deno.test("the corpus uses nearly all of its several hundred terms", () => {
  const terms = allTerms();
  assert(terms.size >= 300, `${terms.size} terms`);
  const text = [...generateCorpus()].join("\n");
  const unused = [...terms].filter((term) => !text.includes(term));
  assert(unused.length < terms.size / 50, unused.join(" "));
});

Deno.test("the terms of a disease predict one another", () => {
  // Among sentences that name a disease and a department, the department is the disease's own.
  const departments = new Set(DISEASES.map((disease) => disease.department));
  let checked = 0;
  for (const sentence of generateCorpus({ sentences: 2000, seed: 5 })) {
    const named = [...departments].filter((department) => sentence.includes(department));
    const diseases = DISEASES.filter((disease) => sentence.includes(disease.name));
    if (named.length !== 1 || diseases.length !== 1) continue;
    assert.equal(diseases[0]!.department, named[0], sentence);
    checked++;
  }
  assert(checked > 200, `${checked} sentences`);
});

Deno.test("every drug has a dose with a unit", () => {
  for (const { drugs } of DISEASES) {
    for (const { name, dose } of drugs) {
      assert.match(dose, /^\d+(\.\d+)?(万)?(g|mg|μg|ml|U|滴|片|袋|粒|喷)$/, name);
    }
  }
});
