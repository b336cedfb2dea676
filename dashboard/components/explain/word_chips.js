// The words of a text as buttons. All they say is set as text, never as HTML.
export default function (component) {
  const { data, parentElement, setTriggerValue } = component
  const root = parentElement.querySelector(".words")
  if (!root || !data) return
  root.setAttribute("aria-label", data.label)
  // The same words keep their elements, and so the focus.
  const written = JSON.stringify([data.words, data.gaps])
  if (root.usableWritten !== written) {
    root.usableWritten = written
    const parts = data.words.flatMap((word, k) => {
      const chip = document.createElement("span")
      chip.setAttribute("role", "button")
      chip.tabIndex = 0
      chip.textContent = word
      chip.onclick = () => setTriggerValue("picked", k)
      chip.onkeydown = (event) => {
        if (event.key !== "Enter" && event.key !== " ") return
        event.preventDefault()
        if (!event.repeat) chip.click()
      }
      return [document.createTextNode(data.gaps[k]), chip]
    })
    root.replaceChildren(...parts, document.createTextNode(data.gaps.at(-1)))
  }
  const hidden = new Set(data.hidden)
  root.querySelectorAll("[role=button]").forEach((chip, k) => {
    chip.setAttribute("aria-pressed", String(hidden.has(k)))
    chip.style.cssText = data.styles[k]
    chip.title = data.said[k]
  })
}
