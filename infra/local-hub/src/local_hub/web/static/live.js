"use strict";
// Keeps the parts of a page that are marked as live up to date, and a job's log. Without it, reloading does.

const REFRESH_MS = 2000;
const RETRY_MS = 8000;
const MOST_CHARACTERS = 4000000;

// False where the hub does not show this page any more, such as to one whose session has ended.
async function refresh() {
  const answer = await fetch(location.href, { headers: { accept: "text/html" } });
  if (answer.status >= 500) throw new Error(`answered ${answer.status}`);
  if (!answer.ok) return false;
  const now = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const part of document.querySelectorAll("[data-live]")) {
    const next = now.getElementById(part.id);
    if (part.contains(document.activeElement)) continue;
    if (next === null) part.remove();
    else if (next.outerHTML !== part.outerHTML) {
      part.replaceChildren(...next.childNodes);
      if (!("live" in next.dataset)) delete part.dataset.live;
    }
  }
  return true;
}

async function keepFresh() {
  let pause = REFRESH_MS;
  if (!document.hidden) {
    const lost = document.getElementById("lost");
    try {
      const isMine = await refresh();
      lost.hidden = true;
      if (!isMine) {
        document.getElementById("gone").hidden = false;
        return;
      }
    } catch {
      lost.hidden = false;
      pause = RETRY_MS;
    }
  }
  if (document.querySelector("[data-live]")) setTimeout(keepFresh, pause);
}

function followLog(log) {
  const source = new EventSource(log.dataset.follow);
  let length = log.textContent.length;
  source.onmessage = (event) => {
    const isAtEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
    const text = JSON.parse(event.data);
    log.append(text);
    length += text.length;
    while (log.childNodes.length > 1 && length > MOST_CHARACTERS) {
      length -= log.firstChild.length;
      log.firstChild.remove();
    }
    if (isAtEnd) log.scrollTop = log.scrollHeight;
  };
  source.addEventListener("end", () => source.close());
}

if (document.querySelector("[data-live]")) setTimeout(keepFresh, REFRESH_MS);
for (const log of document.querySelectorAll(".log")) {
  log.scrollTop = log.scrollHeight;
  if (log.dataset.follow) followLog(log);
}
