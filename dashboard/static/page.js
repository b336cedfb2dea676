// What Streamlit's own page lacks. It runs before everything else of the page.
(() => {
  // One entry of the history a visit: a setting changes the address of the entry that is there.
  // A slow browser writes what the next page says before it goes to that page's address: the page
  // that is left gets back the address that it had when the next one was asked for.
  const push = history.pushState.bind(history)
  const path = (url) => new URL(url ?? "", location.href).pathname
  let asked = location.href
  document.addEventListener("click", () => (asked = location.href), true)
  history.pushState = (data, unused, url) => {
    if (path(url) === location.pathname) return history.replaceState(data, unused, url)
    if (path(asked) === location.pathname) history.replaceState(history.state, "", asked)
    return push(data, unused, url)
  }

  // The tab's name, by which the server finds what its forms held before a reload.
  const key = "usable_tab"
  let tab = sessionStorage.getItem(key)
  if (!tab) {
    const random = crypto.getRandomValues(new Uint8Array(16))
    tab = Array.from(random, (byte) => byte.toString(16).padStart(2, "0")).join("")
    sessionStorage.setItem(key, tab)
  }
  window.WebSocket = class extends WebSocket {
    constructor(url, protocols) {
      const address = new URL(url)
      address.searchParams.set(key, tab)
      super(address, protocols)
    }
  }

  // Under section titles the navigation's list holds other things than items, so that screen
  // readers announce a broken list. Without the roles of a list its links are plain links.
  const mend = () => {
    const nav = document.querySelector("[data-testid=stSidebarNav]")
    if (!nav) return
    nav.setAttribute("role", "navigation")
    nav.setAttribute("aria-label", "Pages")
    for (const part of nav.querySelectorAll("ul:not([role]), li:not([role])"))
      part.setAttribute("role", "presentation")
    for (const page of nav.querySelectorAll("a")) {
      const isHere = new URL(page.href).pathname === location.pathname
      if (isHere) page.setAttribute("aria-current", "page")
      else page.removeAttribute("aria-current")
    }
  }
  new MutationObserver(mend).observe(document, { childList: true, subtree: true })
})()
