"use strict";

// The browser of answers: filter, search, compare, page by page. Whatever data holds becomes text, never markup.
(() => {
  const browser = document.getElementById("browser");
  if (!browser) return;

  const PAGE_SIZE = 25;
  const TYPING_MS = 150;
  const LETTERS = ["A", "B", "C", "D"];
  const { models, questions } = JSON.parse(document.getElementById("answer-data").textContent);
  const labels = Object.fromEntries(models);
  const rows = questions.flatMap((question) =>
    models.filter(([model]) => question.answers[model]).map(([model]) => ({ question, model })),
  );
  const byId = (id) => document.getElementById(id);
  const controls = Object.fromEntries([...browser.querySelectorAll("[name]")].map((one) => [one.name, one]));
  let page = 0;

  const answerOf = ({ question, model }) => question.answers[model];
  const asPercent = (share) => `${(100 * share).toFixed(1)}%`;
  const asWords = (kind) => kind.replaceAll("_", " ");
  const outcomeOf = (answer) => (answer.right ? "right" : "wrong");

  // ---- which answers match

  const OUTCOMES = {
    "": () => true,
    right: (row) => Boolean(answerOf(row).right),
    wrong: (row) => !answerOf(row).right,
    failed: (row) => answerOf(row).kind !== undefined,
    disagree: ({ question }) => new Set(Object.values(question.answers).map(outcomeOf)).size > 1,
  };

  function searchedText({ question, model }) {
    const { id, text = "", options = [], subject = "" } = question;
    return [id, text, ...options, subject, question.answers[model].text].join("\n").toLowerCase();
  }

  function hasWords(row, words) {
    if (!words.length) return true;
    row.searched ??= searchedText(row);
    return words.every((word) => row.searched.includes(word));
  }

  function findMatches() {
    const { model, outcome, kind, subject, search } = readControls();
    const words = search.toLowerCase().split(/\s+/).filter(Boolean);
    return rows.filter(
      (row) =>
        (!model || row.model === model) &&
        OUTCOMES[outcome](row) &&
        (!kind || answerOf(row).kind === kind) &&
        (!subject || row.question.subject === subject) &&
        hasWords(row, words),
    );
  }

  // ---- one answer as an element

  function element(tag, className, ...children) {
    const made = document.createElement(tag);
    if (className) made.className = className;
    made.append(...children.filter((child) => child !== ""));
    return made;
  }

  function optionItem(question, answer, index) {
    const letter = LETTERS[index];
    const classes = [letter === question.gold && "gold", letter === answer.letter && "chosen"].filter(Boolean);
    const share = answer.probabilities?.[index];
    const shown = share === undefined ? "" : element("span", "share", asPercent(share));
    return element("li", classes.join(" "), `${letter}) ${question.options[index]} `, shown);
  }

  function questionPart(question, answer) {
    if (question.text === undefined) {
      return [element("p", "quiet", `The question is not in the run's data repo. Right: ${question.gold}.`)];
    }
    const options = LETTERS.map((_, index) => optionItem(question, answer, index));
    return [element("p", "", question.text), element("ol", "options", ...options)];
  }

  function verdictText(answer) {
    const share = answer.probabilities?.[LETTERS.indexOf(answer.letter)];
    return [
      answer.letter ? `answer ${answer.letter}, ${outcomeOf(answer)}` : "no letter",
      answer.kind && asWords(answer.kind),
      answer.confidence !== undefined && `stated confidence ${answer.confidence}`,
      share !== undefined && `probability of ${answer.letter} ${asPercent(share)}`,
    ].filter(Boolean).join(" · ");
  }

  function comparison({ question, model }) {
    const others = models.filter(([other]) => other !== model && question.answers[other]);
    if (!others.length) return "";
    const brief = others.map(([other, label]) => `${label} ${question.answers[other].letter ?? "—"}`).join(", ");
    const said = others.flatMap(([other, label]) => [
      element("p", "tag", element("b", other, label), ` · ${verdictText(question.answers[other])}`),
      element("pre", "", question.answers[other].text),
    ]);
    return element("details", "", element("summary", "", `To the same question: ${brief}`), ...said);
  }

  function card(row) {
    const { question, model } = row;
    const answer = answerOf(row);
    const place = [question.subject, question.id].filter(Boolean).join(" · ");
    return element(
      "li", `sample ${!answer.right && answer.kind ? "unparseable" : outcomeOf(answer)}`,
      element("h3", "", element("span", model, labels[model]), ` · ${outcomeOf(answer)}`),
      element("p", "tag", place),
      ...questionPart(question, answer),
      element("p", "verdict", verdictText(answer)),
      element("pre", "", answer.text),
      comparison(row),
    );
  }

  // ---- the page of matches, and its address

  function readControls() {
    return Object.fromEntries(Object.entries(controls).map(([name, control]) => [name, control.value]));
  }

  function show() {
    const matches = findMatches();
    const pages = Math.max(1, Math.ceil(matches.length / PAGE_SIZE));
    page = Math.min(page, pages - 1);
    const shown = matches.slice(page * PAGE_SIZE, (page + 1) * PAGE_SIZE);
    byId("answer-list").replaceChildren(...shown.map(card));
    byId("matches").textContent = `${matches.length.toLocaleString("en")} of ${rows.length.toLocaleString("en")} answers match.`;
    byId("page").textContent = `Page ${page + 1} of ${pages}`;
    byId("previous").disabled = page === 0;
    byId("next").disabled = page === pages - 1;
  }

  function writeAddress() {
    const filled = Object.entries(readControls()).filter(([, value]) => value);
    const address = new URLSearchParams(page ? [...filled, ["page", page + 1]] : filled).toString();
    history.replaceState(null, "", address ? `#answers?${address}` : "#answers");
  }

  function readAddress() {
    if (!location.hash.startsWith("#answers?")) return;
    const wanted = new URLSearchParams(location.hash.slice("#answers?".length));
    for (const [name, control] of Object.entries(controls)) {
      control.value = wanted.get(name) ?? "";
      if (control.selectedIndex === -1) control.selectedIndex = 0;
    }
    page = Math.max(0, (Number.parseInt(wanted.get("page"), 10) || 1) - 1);
    show();
    byId("answers").scrollIntoView();
  }

  function filter() {
    page = 0;
    show();
    writeAddress();
  }

  function turn(by) {
    page += by;
    show();
    writeAddress();
    byId("matches").focus();
  }

  let typing;
  browser.addEventListener("input", (event) => {
    clearTimeout(typing);
    typing = setTimeout(filter, event.target.type === "search" ? TYPING_MS : 0);
  });
  byId("clear").addEventListener("click", () => {
    for (const control of Object.values(controls)) control.value = "";
    filter();
  });
  byId("previous").addEventListener("click", () => turn(-1));
  byId("next").addEventListener("click", () => turn(1));
  addEventListener("hashchange", readAddress);
  document.documentElement.classList.add("scripted");
  browser.hidden = false;
  show();
  readAddress();
})();
