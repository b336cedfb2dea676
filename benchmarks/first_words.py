"""Seconds from Enter in the text box of Explain until words are there, and coloured, warm.

    python -m benchmarks.first_words [--model bundled/bert] [--rounds 5]

A browser writes a text that was never asked about into the box of a running app and presses
Ctrl+Enter; the page looks for the words every 20 ms. A first text loads and warms the model and is
not counted. Aim: the first coloured words after 1.5 s at most.
"""

import argparse
import os
import shutil
import statistics
import tempfile
from urllib.parse import quote

from playwright.sync_api import Page, sync_playwright

from benchmarks.first_page import FLAGS, ROOT, TIMEOUT, free_port, server
from benchmarks.first_page import open_when_up as open_overview

AIM = 1.5
OPENINGS = ("The plot was thin", "A warm and funny film", "Rarely has a story", "The music is fine")
ENDING = "and nobody laughed at the jokes"
# Rows of words are in shadow trees; those of the new text are told by what it says.
WATCH = """text => new Promise((done) => {
  const began = window.usableEnter, found = {}
  const trees = (node) => [...node.querySelectorAll('*')].flatMap(
    (one) => one.shadowRoot ? [one.shadowRoot, ...trees(one.shadowRoot)] : [])
  const look = () => {
    const rows = trees(document).flatMap((tree) => [...tree.querySelectorAll('p.words')])
    const own = rows.filter((row) => row.textContent === text)
    const coloured = own.filter((row) => row.innerHTML.includes('rgb'))
    const now = (performance.now() - began) / 1000
    if (own.length) found.words ??= now
    if (coloured.length) found.coloured ??= now
    if (coloured.length > 1) found.all ??= now
    found.all || now > 120 ? done(found) : setTimeout(look, 20)
  }
  look()
})"""
LISTEN = """document.addEventListener('keydown', (event) => {
  if (event.key === 'Enter') window.usableEnter = performance.now()
}, true)"""
EVENTS = {"words": "words", "coloured": "coloured words", "all": "coloured by both methods"}


def main() -> None:
    """Print one row per event, the median of the rounds and their range."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="bundled/bert")
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as home, sync_playwright() as playwright:
        port = free_port()
        chromium = shutil.which("chromium") or shutil.which("chromium-browser")
        browser = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        with server(ROOT / "dashboard" / "Home.py", port, home):
            open_overview(page, port)
            model = quote(asked.model, safe="")
            page.goto(f"http://127.0.0.1:{port}/explain?explain_kind=text&text_models={model}")
            page.wait_for_selector("textarea", timeout=TIMEOUT)
            page.wait_for_timeout(3000)
            if (opening := page.get_by_role("button", name="Open what")).count():
                opening.first.click()  # a link's folder waits for a click
            page.evaluate(LISTEN)
            _after_enter(page, "This one loads the model, and is not counted.")
            rows = [
                _after_enter(page, f"{OPENINGS[k % len(OPENINGS)]} {ENDING}, {k} in all.")
                for k in range(asked.rounds)
            ]
        browser.close()
    print(f"load of the machine {os.getloadavg()[0]:.1f}; aim {AIM} s\n")
    print("| event | seconds, median | lowest to highest |\n|---|---:|---:|")
    for event, title in EVENTS.items():
        times = sorted(row[event] for row in rows)
        print(f"| {title} | {statistics.median(times):.2f} | {times[0]:.2f} to {times[-1]:.2f} |")


def _after_enter(page: Page, text: str) -> dict[str, float]:
    """Return the seconds from Enter to each event of a text."""
    box = page.locator("textarea").first
    box.fill(text)
    page.wait_for_timeout(300)
    box.press("Control+Enter")
    found: dict[str, float] = page.evaluate(WATCH, text)
    if "all" not in found:
        raise SystemExit(f"No coloured words of both methods in two minutes: {found}.")
    page.wait_for_timeout(3000)  # better maps of the same text come
    return found


if __name__ == "__main__":
    main()
