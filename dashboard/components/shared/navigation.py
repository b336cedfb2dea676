"""What Streamlit's navigation lacks for those who do not see it.

Under section titles its list holds other things than items, so that screen readers announce a
broken list (axe: `list`, `listitem`). Without the roles of a list its links are plain links.
"""

import streamlit as st

_JS = """
const mend = () => {
  const nav = document.querySelector("[data-testid=stSidebarNav]")
  if (!nav) return
  nav.setAttribute("role", "navigation")
  nav.setAttribute("aria-label", "Pages")
  for (const part of nav.querySelectorAll("ul:not([role]), li:not([role])"))
    part.setAttribute("role", "presentation")
  for (const page of nav.querySelectorAll("a")) {
    const isHere = new URL(page.href).pathname === window.location.pathname
    if (isHere) page.setAttribute("aria-current", "page")
    else page.removeAttribute("aria-current")
  }
}
export default function () {
  mend()
  const watch = new MutationObserver(mend)
  watch.observe(document.querySelector("[data-testid=stSidebar]") ?? document.body,
    { childList: true, subtree: true })
  return () => watch.disconnect()
}
"""

_mend = st.components.v2.component("usable_navigation", js=_JS)


def mended_navigation() -> None:
    """Mend the navigation; call it once a page, in the sidebar."""
    _mend(key="navigation", height=0)
