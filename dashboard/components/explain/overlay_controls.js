// One set of controls for every heatmap of the page: told by an event, without asking the server.
const EVENT = "usable-map-view"
const START = { opacity: 0.8, mode: "over", top: 5, wipe: 50, grey: true, shared: true, unsettled: true }

export default function (component) {
  const { data, parentElement } = component
  const root = parentElement.querySelector(".controls")
  if (!root || !data) return
  const view = (window.usableMapView ??= { ...START })
  const ranges = [...root.querySelectorAll("input[type=range]")]
  const boxes = [...root.querySelectorAll("input[type=checkbox]")] // their values name what they switch
  const modes = [...root.querySelectorAll("input[type=radio]")]
  const count = root.querySelector(".count")
  root.querySelector(".unsettled").classList.toggle("hidden", !data.hasIntervals)
  root.querySelector(".shared").classList.toggle("hidden", !data.isShared)
  const write = (range) => range.name === "opacity" ? `${range.value} %` : range.value
  const show = () => {
    for (const range of ranges) {
      range.value = range.name === "opacity" ? Math.round(view.opacity * 100) : view.top
      range.parentElement.querySelector("output").textContent = write(range)
    }
    for (const box of boxes) box.checked = view[box.value]
    for (const mode of modes) mode.checked = mode.value === view.mode
    count.classList.toggle("hidden", view.mode !== "top")
  }
  const tell = (change) => {
    Object.assign(view, change)
    show()
    window.dispatchEvent(new Event(EVENT))
  }
  for (const range of ranges)
    range.oninput = () => tell(range.name === "opacity" ? { opacity: range.value / 100 } : { top: Number(range.value) })
  for (const box of boxes) box.onchange = () => tell({ [box.value]: box.checked })
  for (const mode of modes) mode.onchange = () => tell({ mode: mode.value })
  show()
}
