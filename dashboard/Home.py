"""Router: page settings, the table of pages, and running the chosen one.

Start it with `streamlit run dashboard/Home.py`.
"""

from dataclasses import dataclass
from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware

from dashboard.page_script import PageScript
from dashboard.server import Doorkeeper

if __name__ == Path(__file__).stem:  # imported by `streamlit run`: the server is ours to guard
    app = st.App(__file__, middleware=[Middleware(Doorkeeper), Middleware(PageScript)])
else:  # the server has its runtime, which caches want
    from dashboard import memory, state, stored
    from dashboard.components.shared import selection
    from dashboard.components.shared.formats import errors_shown
    from dashboard.components.shared.login import is_welcome
    from dashboard.components.shared.opening import asking_to_open
    from dashboard.components.shared.sidebar import sidebar, tab_title

STATIC = Path(__file__).parent / "static"  # a named icon would be fetched from another host


@dataclass(frozen=True)
class PageRow:
    """One page: its title and icon in the navigation, and the section it stands in."""

    title: str
    icon: str
    section: str


# Key: the file in app_pages/ and the last part of the page's address.
PAGES = {
    "overview": PageRow("Overview", ":material/home:", ""),
    "assess": PageRow("Is it fit?", ":material/verified:", ""),
    "explain": PageRow("Explain", ":material/image_search:", "One example"),
    "fine_tune": PageRow("Fine-tune", ":material/tune:", "Train and measure"),
    "sweep": PageRow("λ", ":material/multiline_chart:", "Train and measure"),
    "learning_curve": PageRow("Learning curve", ":material/trending_up:", "Train and measure"),
    "accuracy": PageRow("Accuracy", ":material/target:", "Train and measure"),
    "robustness": PageRow("Robustness", ":material/shield:", "Train and measure"),
    "corruption": PageRow("Corruptions", ":material/foggy:", "Train and measure"),
    "explanation": PageRow("Explanation quality", ":material/fact_check:", "Train and measure"),
    "cost": PageRow("Cost", ":material/timer:", "Train and measure"),
    "compare": PageRow("Compare", ":material/balance:", "Results"),
    "models": PageRow("Models", ":material/deployed_code:", "Library"),
    "data": PageRow("Data", ":material/photo_library:", "Library"),
    "runs": PageRow("Runs", ":material/list_alt:", "Results"),
}


def main() -> None:
    """Show the navigation and run the chosen page."""
    st.set_page_config(page_title="Usable", page_icon=str(STATIC / "icon.svg"), layout="wide")
    st.logo(str(STATIC / "logo.svg"), icon_image=str(STATIC / "icon.svg"), size="large")
    st.html(STATIC / "page.css")
    if not is_welcome():
        return
    sections: dict[str, list[st.Page]] = {}
    for name, row in PAGES.items():
        is_first = name == next(iter(PAGES))
        page = st.Page(
            f"app_pages/{name}.py",
            title=row.title,
            icon=row.icon,
            default=is_first,
            url_path=None if is_first else name,
        )
        sections.setdefault(row.section, []).append(page)
    with errors_shown():  # such as a store of a newer version, on whichever page
        page = st.navigation(sections, expanded=True)  # all of them, however many
        st.set_page_config(page_title=f"{page.title} · Usable")
        with memory.remembering(page.url_path):
            stored.begin()
            state.arrive(page.url_path)
            selection.read()
            with asking_to_open():
                page.run()
            sidebar(page.url_path or next(iter(PAGES)))
            st.set_page_config(page_title=tab_title(page.title))
            state.flush_address()
            memory.let_go()


if __name__ == "__main__":
    main()
