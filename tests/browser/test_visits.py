"""One entry of the history a visit, and forms that remember."""

import re

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

SETTLED = """() => {
  const app = document.querySelector('[data-testid=stApp]');
  return app && app.dataset.testScriptState === 'notRunning'
    && !document.querySelector('[data-testid=stSkeleton], [data-stale=true]');
}"""
QUICK = "explain_methods=occlusion&explain_attack=no&models=bundled/resnet"


def settled(page, heading):
    page.get_by_role("heading", name=heading, exact=True).first.wait_for()
    page.wait_for_timeout(300)
    page.wait_for_function(SETTLED)


def opened(page, address, heading):
    page.goto(address)
    settled(page, heading)


def visit(page, name, heading):
    """Go to another page by the sidebar."""
    page.get_by_test_id("stSidebarNav").get_by_role("link", name=name, exact=True).click()
    settled(page, heading)


def back(page, heading):
    page.go_back()
    settled(page, heading)


def parameters(page):
    return dict(re.findall(r"([^?&=]+)=([^&]*)", page.url.partition("?")[2]))


def test_back_leaves_a_page_at_once_whatever_was_set_on_it(page, address):
    opened(page, f"{address}/models", "Models")
    page.goto(f"{address}/explain?image=cat&{QUICK}")
    settled(page, "Explain")
    length = page.evaluate("history.length")
    page.locator(".st-key-explain_next button").first.click()
    page.wait_for_function("() => !location.search.includes('image=cat')")
    settled(page, "Explain")
    picture = parameters(page)["image"]
    for method in ("Saliency", "Grad-CAM", "LIME"):
        chosen = page.url.count("explain_methods=")
        page.get_by_role("button", name=method, exact=True).click()
        page.wait_for_function(
            "chosen => location.search.split('explain_methods=').length - 1 > chosen", arg=chosen
        )
        settled(page, "Explain")
    methods = page.url.count("explain_methods=")
    left = parameters(page)

    assert methods == 4  # the link's own, and those that were clicked
    visit(page, "Accuracy", "Accuracy")
    visited = parameters(page)
    assert page.evaluate("history.length") == length + 1
    back(page, "Explain")

    assert parameters(page) == left
    assert page.url.count("explain_methods=") == methods
    assert left["image"] == picture != "cat"
    assert not [name for name in visited if name.startswith("explain_")]
    back(page, "Models")
    assert parameters(page) == {}


def test_back_finds_the_page_as_it_was_in_a_slow_browser(page, address):
    opened(page, f"{address}/explain?image=cat&{QUICK}", "Explain")
    left = parameters(page)
    page.context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": 8})
    for name in ("Accuracy", "Models"):  # the first has parameters of its own, the other has none
        for _ in range(2):
            visit(page, name, name)
            back(page, "Explain")

            assert parameters(page) == left, name


def fill(page, label, value):
    field = page.get_by_role("spinbutton", name=label)
    field.fill(str(value))
    field.press("Tab")
    page.wait_for_timeout(200)
    page.wait_for_function(SETTLED)


def value_of(page, label):
    return page.get_by_role("spinbutton", name=label).input_value()


def test_forms_keep_what_was_set_through_other_pages_and_a_reload(page, address):
    opened(page, f"{address}/fine_tune", "Fine-tune")
    fill(page, "Epochs", 7)
    page.get_by_text("From random weights").click()
    settled(page, "Fine-tune")
    visit(page, "Is it fit?", "Is it fit for use?")
    fill(page, "Examples (0: all)", 61)
    visit(page, "Robustness", "Robustness")
    fill(page, "Examples (0: all)", 48)
    visit(page, "Models", "Models")

    page.reload()
    settled(page, "Models")
    visit(page, "Fine-tune", "Fine-tune")
    assert value_of(page, "Epochs") == "7"
    assert page.get_by_role("checkbox", name="From random weights").is_checked()
    visit(page, "Is it fit?", "Is it fit for use?")
    assert value_of(page, "Examples (0: all)") == "61"
    page.reload()
    settled(page, "Is it fit for use?")
    assert value_of(page, "Examples (0: all)") == "61"
    visit(page, "Robustness", "Robustness")
    assert value_of(page, "Examples (0: all)") == "48"


def test_another_tab_begins_with_forms_of_its_own(page, address):
    opened(page, f"{address}/fine_tune", "Fine-tune")
    fill(page, "Epochs", 7)

    other = page.context.new_page()
    opened(other, f"{address}/fine_tune", "Fine-tune")

    assert value_of(other, "Epochs") == ""  # the usual
