"""A button that copies the page's address, which holds all that is asked on it."""

import streamlit as st

_HTML = """
<button type="button" class="copy"><span aria-hidden="true">🔗</span> <span class="says"
  aria-live="polite">Copy link</span></button>
"""
_CSS = """
.copy {
  font: inherit; font-family: var(--st-font); color: var(--st-text-color); cursor: pointer;
  background: transparent; border: 1px solid var(--st-border-color);
  border-radius: var(--st-base-radius); padding: 0 0.75rem; min-height: 2.5rem; white-space: nowrap;
}
.copy:hover { border-color: var(--st-primary-color); color: var(--st-primary-color); }
.copy:focus-visible { outline: 3px solid var(--st-primary-color); outline-offset: 2px; }
"""
_JS = """
export default function ({ parentElement }) {
  const button = parentElement.querySelector(".copy")
  const says = parentElement.querySelector(".says")
  const byHand = (text) => { // where the page is not served from this machine or by https
    const field = document.createElement("textarea")
    field.value = text
    document.body.append(field)
    field.select()
    const isDone = document.execCommand("copy")
    field.remove()
    return isDone
  }
  button.onclick = async () => {
    const text = window.location.href
    let isDone = true
    try { await navigator.clipboard.writeText(text) } catch { isDone = byHand(text) }
    says.textContent = isDone ? "Copied" : "Copy it from the address bar"
    setTimeout(() => { says.textContent = "Copy link" }, 2000)
  }
}
"""

_copy = st.components.v2.component("usable_copy_link", html=_HTML, css=_CSS, js=_JS)


def copy_link(key: str) -> None:
    """Show the button."""
    _copy(key=key, width="content")
