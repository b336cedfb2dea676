"""A button that copies the page's address, which holds all that is asked on it."""

import streamlit as st

_HTML = """
<button type="button" class="copy"><svg aria-hidden="true" viewBox="0 0 24 24" width="16"
  height="16" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round">
  <path d="M10 14a4 4 0 0 0 6 .4l3-3a4 4 0 0 0-5.7-5.7l-1 1M14 10a4 4 0 0 0-6-.4l-3 3a4 4 0 0 0
  5.7 5.7l1-1"/></svg><span class="says" aria-live="polite">Copy link</span></button>
"""
_CSS = """
.copy {
  display: inline-flex; align-items: center; gap: 0.5rem; font: inherit; font-size: 0.875rem;
  font-family: var(--st-font); color: var(--st-text-color); cursor: pointer;
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
