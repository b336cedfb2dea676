"""Pages for those who see little, do not use a mouse, or hold a phone."""

from types import SimpleNamespace

import pytest
from conftest import served
from measured import fill
from test_journey import SETTLED

from usable_core.runs.store import RunStore

pytest.importorskip("playwright.sync_api")
axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe
pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

LAPTOP, PHONE = {"width": 1280, "height": 860}, {"width": 390, "height": 844}
# Where each page's first answer is.
ANSWERS = {
    "assess": "[data-testid=stAlert]",
    "accuracy": ".stMetric",
    "robustness": ".stPlotlyChart",
    "corruption": ".stMetric",
    "explanation": ".stPlotlyChart",
    "cost": ".stPlotlyChart",
    "compare": "[data-testid=stAlert]",
}
# Of (rule, part of the node's HTML): what Streamlit makes and cannot be told to leave.
ALLOWED: dict[tuple[str, str], str] = {}
ENOUGH = 4.5  # WCAG 2.2, 1.4.3
# Texts of charts, which axe does not see, with what they contrast to what is behind the chart.
CHART_TEXTS = """enough => {
  const paint = document.createElement('canvas').getContext('2d', { willReadFrequently: true })
  const behind = getComputedStyle(document.querySelector('.stApp')).backgroundColor
  const shown = colours => {
    for (const colour of colours) { paint.fillStyle = colour; paint.fillRect(0, 0, 1, 1) }
    return [...paint.getImageData(0, 0, 1, 1).data].slice(0, 3)
  }
  const light = colour => {
    const [r, g, b] = colour.map(v => v / 255)
      .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b
  }
  const texts = [...document.querySelectorAll('.stPlotlyChart .main-svg text')]
    .filter(text => text.textContent.trim() && !text.closest('.heatmaplayer, .bars, .modebar'))
  return texts.map(text => {
    const [a, b] = [shown([behind, getComputedStyle(text).fill]), shown([behind])].map(light)
    return [text.textContent, (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)]
  }).filter(([, ratio]) => ratio < enough)
}"""
# Words that do not fit into their place; a table scrolls within itself.
CUT = """() => [...document.querySelectorAll('.stApp *')].filter(e =>
  getComputedStyle(e).overflowX === 'hidden' && e.scrollWidth > e.clientWidth + 1
  && e.clientWidth > 3 && e.textContent.trim() && !e.closest('svg, .stDataFrame')
).map(e => e.textContent.trim().slice(0, 60))"""
DRAWN = """() => [...document.querySelectorAll('.stPlotlyChart')]
  .every(chart => chart.querySelector('.main-svg text'))"""
PICTURE = "() => new URLSearchParams(location.search).get('image')"
FOCUSED = """() => {
  const here = document.activeElement
  const style = getComputedStyle(here)
  return {
    name: here.matches('a, button') ? here.getAttribute('aria-label') || here.innerText : '',
    href: here.getAttribute('href') || '',
    isSeen: style.outlineStyle !== 'none' || style.boxShadow !== 'none',
  }
}"""


@pytest.fixture(scope="module")
def measured(chromium, tmp_path_factory):
    """A dashboard whose store has an answer of every kind, and its pages' addresses."""
    folder = tmp_path_factory.mktemp("measured")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("USABLE_HOME", str(folder / "home"))
        pages = fill(RunStore())
    with served(folder) as address:
        yield SimpleNamespace(address=address, pages=pages)


@pytest.fixture
def tab(chromium, measured):
    """A function that opens a tab in a colour scheme."""
    contexts = []

    def opened(scheme="light"):
        context = chromium.new_context(viewport=LAPTOP, color_scheme=scheme)
        context.set_default_timeout(120_000)
        contexts.append(context)
        return context.new_page()

    yield opened
    for context in contexts:
        context.close()


def show(page, address):
    page.goto(address)
    page.locator("h1").first.wait_for()
    page.wait_for_function(SETTLED)
    page.locator("[data-testid=stSidebarNavItems][role=presentation]").wait_for(state="attached")
    page.wait_for_function(DRAWN)


def serious(page):
    """Return what axe finds serious or critical, less what is allowed."""
    answer = axe().run(page, options={"resultTypes": ["violations"]}).response
    return [
        (rule["id"], node["html"][:200])
        for rule in answer["violations"]
        if rule["impact"] in ("serious", "critical")
        for node in rule["nodes"]
        if not any(rule["id"] == r and part in node["html"] for r, part in ALLOWED)
    ]


def beyond_a_phone(phone, address):
    """Return how many pixels a page is wider than a phone; words that are cut there."""
    phone.set_viewport_size(PHONE)
    phone.goto(address)
    phone.locator("h1").first.wait_for()
    phone.wait_for_function(SETTLED)
    wider = phone.locator("[data-testid=stMain]").evaluate("e => e.scrollWidth - e.clientWidth")
    return max(0, wider - 1), phone.evaluate(CUT)


def test_every_page_is_short_fits_a_phone_and_axe_finds_nothing_serious(tab, measured):
    page, phone, found = tab(), tab(), []

    for name, address in measured.pages.items():
        wider, cut = beyond_a_phone(phone, f"{measured.address}/{address}")
        found += [(name, "wide", wider)] if wider else []
        show(page, f"{measured.address}/{address}")
        found += [(name, "cut", text) for text in [*cut, *page.evaluate(CUT)]]
        found += [(name, *one) for one in serious(page)]
        found += [(name, "pale", *text) for text in page.evaluate(CHART_TEXTS, ENOUGH)]
        if name in ANSWERS:
            main = page.locator("[data-testid=stMain]")
            top = main.locator(f"{ANSWERS[name]}:visible").first.bounding_box()["y"]
            found += [(name, "below the first screen", top)] if top > LAPTOP["height"] else []
            height = main.evaluate("e => e.scrollHeight")
            found += [(name, "long", height)] if height > 2500 else []

    assert not found, "\n".join(map(str, found))


def test_dark_pages_are_read_as_well(tab, measured):
    page, found = tab("dark"), []

    for name in ("", "assess", "robustness", "explanation", "compare", "fine_tune"):
        show(page, f"{measured.address}/{measured.pages[name]}")
        found += [(name, *one) for one in serious(page)]
        found += [(name, "pale", *text) for text in page.evaluate(CHART_TEXTS, ENOUGH)]

    assert not found, "\n".join(map(str, found))


def test_a_pale_text_of_a_chart_is_found(tab, measured):
    page = tab()
    show(page, f"{measured.address}/{measured.pages['accuracy']}")
    page.locator(".xtick text").first.wait_for()
    assert page.evaluate(CHART_TEXTS, ENOUGH) == []

    page.locator(".xtick text").evaluate_all(
        "all => all.forEach(text => text.style.setProperty('fill', '#999', 'important'))"
    )

    assert page.evaluate(CHART_TEXTS, ENOUGH)


def by_tab(page, is_it, most=120):
    """Press Tab until the focus is on what is looked for; it must be seen there."""
    seen = []
    for _ in range(most):
        page.keyboard.press("Tab")
        focus = page.evaluate(FOCUSED)
        seen.append(focus["name"].strip())
        if is_it(focus):
            assert focus["isSeen"], focus
            return seen
    raise AssertionError(f"not reached in {most} steps: {seen}")


def pressed_until(page, keys, is_shown, most=30):
    """Press keys every other second until the picture is another: they are bound a little late."""
    for _ in range(most):
        page.keyboard.press(keys)
        page.wait_for_timeout(2000)
        if page.evaluate(f"() => ({is_shown})(({PICTURE})())"):
            return
    raise AssertionError(f"{keys} did nothing in {most} presses on {page.url}")


def test_from_the_demo_to_an_explanation_by_keys_alone(tab, measured):
    page = tab()
    show(page, measured.address)

    order = by_tab(page, lambda focus: "See the demo" in focus["name"])
    assert any("Run the demo" in name for name in order)  # and it comes before its answer
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Is it fit for use?").wait_for()
    page.wait_for_function(SETTLED)
    by_tab(page, lambda focus: "accuracy?run=" in focus["href"])
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Accuracy", exact=True).wait_for()
    page.wait_for_function(SETTLED)
    by_tab(page, lambda focus: focus["name"].strip().endswith("Explain") and not focus["href"])
    page.keyboard.press("Enter")

    page.get_by_role("heading", name="Explain", exact=True).wait_for()
    page.wait_for_function(SETTLED)
    by_tab(page, lambda focus: "Other pictures" in focus["name"])
    page.keyboard.press("Enter")
    page.get_by_text("Or take a photograph").wait_for()
    by_tab(page, lambda focus: focus["name"].strip() == "Cat")
    page.keyboard.press("Enter")
    page.wait_for_function(f"() => ({PICTURE})() === 'cat'")
    page.wait_for_function(SETTLED)
    pressed_until(page, "Control+ArrowRight", "name => name !== 'cat'")
    page.wait_for_function(SETTLED)
    here = page.evaluate(PICTURE)
    pressed_until(page, "Control+ArrowLeft", f"name => name !== '{here}'")


def test_a_page_says_which_one_it_is_and_what_its_words_mean(tab, measured):
    page = tab()
    show(page, f"{measured.address}/{measured.pages['robustness']}")

    pages = page.get_by_role("navigation", name="Pages")
    assert pages.locator("[aria-current=page]").all_inner_texts()[0].endswith("Robustness")
    page.get_by_role("button", name="Words on this page").press("Enter")
    page.get_by_text("How much an attack may change").wait_for()
