// One set of controls for every heatmap of the page: told by an event, without asking the server.
const EVENT = "usable-map-view"
const START = { opacity: 0.8, beside: false, grey: true, shared: true }

export default function (component) {
  const root = component.parentElement.querySelector(".controls")
  if (!root) return
  const view = (window.usableMapView ??= { ...START })
  const range = root.querySelector("input[type=range]")
  const boxes = [...root.querySelectorAll("input[type=checkbox]")] // their values name what they switch
  const modes = [...root.querySelectorAll("input[type=radio]")]
  const show = () => {
    range.value = Math.round(view.opacity * 100)
    root.querySelector("output").textContent = `${range.value} %`
    for (const box of boxes) box.checked = view[box.value]
    for (const mode of modes) mode.checked = (mode.value === "beside") === view.beside
  }
  const tell = (change) => {
    Object.assign(view, change)
    show()
    window.dispatchEvent(new Event(EVENT))
  }
  range.oninput = () => tell({ opacity: range.value / 100 })
  for (const box of boxes) box.onchange = () => tell({ [box.value]: box.checked })
  for (const mode of modes) mode.onchange = () => tell({ beside: mode.value === "beside" })
  show()
}
