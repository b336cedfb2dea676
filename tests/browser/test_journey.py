import re

import numpy as np
import pytest
from PIL import Image

from dashboard.Home import PAGES
from usable_core.catalog import imagenet
from usable_core.images import encode_png, gallery

expect = pytest.importorskip("playwright.sync_api").expect
pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]

FIRST_NAME = "efficientnet_lite0"
FIRST = f"imagenet/{FIRST_NAME}"
LONG = 420_000  # milliseconds: two slow cores that may do something else as well
ALL_COMPLETE = re.compile(r"All \d+ answers are complete")
SETTLED = """() => {
  const app = document.querySelector('[data-testid=stApp]');
  return app && app.dataset.testScriptState === 'notRunning'
    && !document.querySelector('[data-testid=stSkeleton], [data-stale=true]');
}"""
IS_PAINTED = """canvas => canvas.getContext('2d')
  .getImageData(0, 0, canvas.width, canvas.height).data
  .some((value, index) => index % 4 === 3 && value > 0)"""


@pytest.fixture
def cat(tmp_path):
    path = tmp_path / "my cat.png"
    row = next(row for row in gallery() if row.name == "cat")
    path.write_bytes(encode_png(np.asarray(row.open())))
    return path


@pytest.fixture(autouse=True)
def nothing_went_wrong(page, watch):
    """After every journey: no error in the console, no request to another host."""
    yield
    assert watch.errors == []
    assert watch.foreign == []


def opened(page, address, heading):
    page.goto(address)
    page.get_by_role("heading", name=heading, exact=True).wait_for()
    page.wait_for_function(SETTLED)


def test_an_uploaded_picture_gets_heatmaps_of_two_backbones(page, address, watch, cat):
    models = "models=bundled/resnet&models=bundled/vgg"
    opened(page, f"{address}/explain?{models}", "Explain")
    page.locator('[data-testid="stFileUploader"] input[type=file]').set_input_files(str(cat))

    page.get_by_text("my cat.png", exact=True).last.wait_for()
    maps = page.locator("[class*=st-key-map_] .map canvas.over")
    page.get_by_text(ALL_COMPLETE).wait_for(timeout=LONG)
    expect(maps).to_have_count(2)  # of one method; the other is a click away
    assert maps.evaluate_all(f"canvases => canvases.some({IS_PAINTED})")
    assert page.get_by_text(re.compile(r"R² -?\d")).count() >= 2

    page.wait_for_function(SETTLED)
    page.wait_for_timeout(1500)  # the timer's last question may be under way
    page.get_by_role("button", name="View").click()
    before = watch.frames_sent
    slider = page.get_by_role("slider", name="Opacity of the heatmaps")
    slider.press("ArrowLeft")
    slider.press("ArrowLeft")

    assert maps.evaluate_all("canvases => canvases.map(c => c.style.opacity)") == ["0.7"] * 2
    assert watch.frames_sent == before  # nothing is asked of the server
    page.keyboard.press("Escape")
    page.locator(".map .pane").first.press("ArrowRight")
    page.locator(".map .readout").first.get_by_text(re.compile(r"superpixel \d+: ")).wait_for()

    page.reload()
    page.locator(".map canvas.over").nth(1).wait_for(timeout=LONG)


def explained(page, address):
    """Open the page with one map by LIME, which is the lane's own work of a second or two."""
    link = "image=cat&models=bundled/resnet&explain_methods=lime&explain_evaluations=100"
    opened(page, f"{address}/explain?{link}&explain_attack=no", "Explain")
    page.get_by_text(ALL_COMPLETE).wait_for(timeout=LONG)
    page.wait_for_function(SETTLED)


@pytest.mark.skipif(
    FIRST not in imagenet.installed(), reason=f"needs {imagenet.IMAGENET[FIRST_NAME].install}"
)
@pytest.mark.reference  # a minute on two cores; test_explain_page asks the page alone
def test_explain_begins_with_a_network_of_imagenet_where_its_package_is_installed(page, address):
    link = "image=coffee&explain_methods=lime&explain_evaluations=100&explain_attack=no"
    opened(page, f"{address}/explain?{link}", "Explain")

    page.get_by_text(ALL_COMPLETE).wait_for(timeout=LONG)

    assert f"models={FIRST}" in page.url.replace("%2F", "/")
    page.get_by_text("espresso").first.wait_for()


def test_the_divider_is_moved_by_keys_and_uncovers_the_picture(page, address):
    explained(page, address)
    page.get_by_role("button", name="View").click()
    page.get_by_role("radio", name="Wipe").check()
    divider = page.get_by_role("slider", name="Divider: picture | heatmap").first

    divider.press("ArrowRight")
    divider.press("ArrowRight")

    cut = page.locator(".map .over").first.evaluate("c => getComputedStyle(c).clipPath")
    assert "52%" in cut
    page.get_by_role("radio", name="Overlay").check()
    expect(divider).to_be_hidden()


def test_the_top_superpixels_stay_and_the_rest_is_veiled(page, address):
    explained(page, address)
    page.get_by_role("button", name="View").click()
    page.get_by_role("radio", name="Top superpixels").check()
    count = page.get_by_role("slider", name="How many superpixels")
    veiled = (
        "c => c.getContext('2d').getImageData(0, 0, c.width, c.height).data.filter("
        "(v, i) => i % 4 === 3 && v > 0).length"
    )
    canvas = page.locator(".map .over").first
    of_five = canvas.evaluate(veiled)

    for _ in range(4):
        count.press("ArrowLeft")

    assert of_five < canvas.evaluate(veiled) < 32 * 32


def test_a_click_on_a_map_hides_a_part_and_the_answer_moves(page, address):
    explained(page, address)
    gone = page.locator(".map .gone").first
    pane = page.locator(".map .pane").first

    pane.click()

    page.get_by_text(re.compile(r"without 1 parts?, cat: .* → ")).wait_for(timeout=LONG)
    page.wait_for_function(SETTLED)
    assert gone.evaluate(IS_PAINTED)
    pane.focus()
    pane.press("ArrowRight")
    pane.press("ArrowLeft")
    pane.press("Enter")  # the same part, by keys
    page.get_by_text(re.compile(r"without 1 parts?, cat")).wait_for(state="detached")
    assert not gone.evaluate(IS_PAINTED)


def test_the_answer_stands_on_the_first_screen_and_the_page_is_short(page, address):
    page.set_viewport_size({"width": 1280, "height": 860})
    explained(page, address)

    shown = page.locator(".map .pane").first.bounding_box()
    length = page.locator("[data-testid=stMain]").evaluate("e => e.scrollHeight")

    assert page.get_by_role("heading", name=re.compile("^cat ")).bounding_box()["y"] < 450
    assert shown["y"] + shown["height"] < 860
    assert shown["width"] > 250
    assert length < 2500


def test_the_next_picture_is_one_click_away(page, address):
    explained(page, address)
    is_cat = re.compile(r"[?&]image=cat(&|$)")

    page.locator(".st-key-explain_next button").first.click()
    page.wait_for_url(lambda url: not is_cat.search(url))
    page.wait_for_function(SETTLED)
    page.locator(".st-key-explain_before button").first.click()

    page.wait_for_url(is_cat)


def test_all_maps_are_downloaded_as_one_png(page, address, tmp_path):
    explained(page, address)

    with page.expect_download() as download:
        page.get_by_role("button", name="Maps, PNG").click()
    download.value.save_as(tmp_path / "maps.png")

    with Image.open(tmp_path / "maps.png") as sheet:
        assert sheet.format == "PNG"
        assert sheet.width > 2 * 480


def test_the_link_is_copied_and_asks_the_same_again(page, address):
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    explained(page, address)

    page.get_by_role("button", name="Copy link").click()
    page.get_by_text("Copied", exact=True).wait_for()
    link = page.evaluate("navigator.clipboard.readText()")

    assert link == page.url
    assert "explain_background=blur" in link
    assert "explain_evaluations=100" in link


def test_the_report_opens_from_disk_without_a_request(page, address, tmp_path):
    explained(page, address)
    with page.expect_download() as download:
        page.get_by_role("button", name="Report, HTML").click()
    download.value.save_as(tmp_path / "report.html")
    requests = []
    other = page.context.new_page()
    other.on("request", lambda request: requests.append(request.url))

    other.goto(f"file://{tmp_path}/report.html")
    other.get_by_role("heading", name="Why? Cat").wait_for()

    assert [url for url in requests if not url.startswith("data:")] == [
        f"file://{tmp_path}/report.html"
    ]
    assert other.locator("img").evaluate_all("all => all.every(i => i.naturalWidth > 0)")


def start_fine_tuning(page, address, epochs):
    opened(page, f"{address}/fine_tune", "Fine-tune")
    field = page.get_by_role("spinbutton", name="Epochs")
    field.fill(str(epochs))
    field.press("Tab")
    page.wait_for_function(SETTLED)
    page.get_by_role("button", name="Start", exact=True).click()
    page.get_by_role("button", name="Cancel", exact=True).wait_for(timeout=LONG)


def test_a_job_goes_on_to_its_end_through_a_reload(page, address):
    start_fine_tuning(page, address, epochs=2)
    run = page.url.partition("run=")[2]

    page.reload()
    page.get_by_text("The model is listed under Models").wait_for(timeout=LONG)

    assert run
    assert page.url.endswith(run)
    page.get_by_text(f"run/{run}").first.wait_for()
    page.locator(".stPlotlyChart").first.wait_for()


def test_a_job_can_be_cancelled(page, address):
    start_fine_tuning(page, address, epochs=200)

    page.get_by_role("button", name="Cancel", exact=True).click()

    page.get_by_text("cancelled", exact=False).first.wait_for(timeout=LONG)
    expect(page.get_by_role("button", name="Cancel", exact=True)).to_have_count(0)


def test_every_page_loads_all_of_itself_under_the_policy(page, address):
    _first, *others = PAGES
    for path in ("", *others):
        page.goto(f"{address}/{path}")
        page.locator("h1").first.wait_for()
        page.wait_for_function(SETTLED)


def test_the_policy_holds_what_nobody_of_ours_put_there(page, address, watch):
    opened(page, address, "Is this model fit for use?")

    page.evaluate("""() => {
      const script = document.createElement('script')
      script.textContent = 'window.ran = true'
      document.body.append(script)
      document.body.append(Object.assign(new Image(), { src: 'http://127.0.0.1:9/x.png' }))
      return fetch('http://127.0.0.1:9/').catch(() => 'refused')
    }""")

    assert page.evaluate("window.ran") is None
    refused = [error for error in watch.errors if "Content Security Policy" in error]
    assert len(refused) >= 3
    watch.errors.clear()
    watch.foreign.clear()
