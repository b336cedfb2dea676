// One heatmap over its picture. Colours follow usable_core/plots/heatmap.py, which owns the rule.
const EVENT = "usable-map-view"
const START = { opacity: 0.8, beside: false, grey: true, shared: true }

async function inflate(text) {
  const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0))
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"))
  return new Response(stream).arrayBuffer()
}

function number(value) {
  if (value === 0) return "0"
  const size = Math.abs(value)
  const digits = size < 0.001 || size >= 10000 ? value.toExponential(1) : value.toPrecision(3)
  return (value > 0 ? "+" : "−") + digits.replace(/^-/, "")
}

function paint(canvas, map, limit) {
  canvas.width = map.width
  canvas.height = map.height
  const context = canvas.getContext("2d")
  const pixels = context.createImageData(map.width, map.height)
  for (let i = 0; i < map.values.length; i++) {
    const value = map.values[i]
    pixels.data.set(value < 0 ? map.against : map.for, 4 * i)
    pixels.data[4 * i + 3] = limit > 0 ? Math.min(Math.abs(value) / limit, 1) * 255 : 0
  }
  context.putImageData(pixels, 0, 0)
}

function mark(canvas, map, x, y) {
  canvas.width = map.width
  canvas.height = map.height
  if (x === null) return
  const context = canvas.getContext("2d")
  context.fillStyle = "rgba(255, 255, 255, 0.9)"
  if (!map.segments) return context.fillRect(x, y, 1, 1)
  const of = (i, j) => map.segments[j * map.width + i]
  const here = of(x, y)
  for (let j = 0; j < map.height; j++)
    for (let i = 0; i < map.width; i++)
      if (of(i, j) === here && (i === 0 || j === 0 || i === map.width - 1 || j === map.height - 1 ||
          of(i - 1, j) !== here || of(i + 1, j) !== here || of(i, j - 1) !== here || of(i, j + 1) !== here))
        context.fillRect(i, j, 1, 1)
}

function reading(map, x, y) {
  if (map.segments) {
    const id = map.segments[y * map.width + x]
    const [value, rank] = map.superpixels[id] ?? [0, "?"]
    return `superpixel ${id}: ${number(value)}, rank ${rank} of ${map.count}`
  }
  return `pixel (${x}, ${y}): ${number(map.values[y * map.width + x])}`
}

export default function (component) {
  const { data, parentElement } = component
  const root = parentElement.querySelector(".map")
  if (!root || !data) return
  const find = (name) => root.querySelector(name)
  const view = () => (window.usableMapView ??= { ...START })
  const picture = find("img")
  if (picture.src !== data.image) picture.src = data.image
  for (const pane of root.querySelectorAll(".pane")) pane.setAttribute("aria-label", data.alt)
  root.classList.toggle("small", data.width <= 96)
  root.classList.toggle("empty", data.empty)

  const draw = () => {
    const map = root.usableMap
    if (!map) return
    const { opacity, beside, grey, shared } = view()
    const limit = shared ? map.shared : map.own
    root.classList.toggle("beside", beside)
    root.classList.toggle("grey", grey)
    find(".over").style.opacity = opacity
    if (root.usableDrawn !== `${map.version} ${limit}`) {
      paint(find(".over"), map, limit)
      paint(find(".alone canvas"), map, limit)
      root.usableDrawn = `${map.version} ${limit}`
    }
    find(".low").textContent = number(-limit)
    find(".high").textContent = number(limit)
    const rgb = (c, a) => `rgba(${c.join(",")},${a})`
    find(".bar").style.background = `linear-gradient(to right, ${rgb(map.against, 1)}, ` +
      `${rgb(map.against, 0)} 50%, ${rgb(map.for, 0)} 50%, ${rgb(map.for, 1)})`
  }
  const point = (x, y) => {
    const map = root.usableMap
    if (!map || map.empty) return
    root.usablePoint = [x, y]
    for (const canvas of root.querySelectorAll(".mark")) mark(canvas, map, x, y)
    find(".readout").textContent = reading(map, x, y)
  }
  const leave = () => {
    const map = root.usableMap
    if (!map) return
    for (const canvas of root.querySelectorAll(".mark")) mark(canvas, map, null, null)
    find(".readout").textContent = map.empty ? "No evidence: every value of this map is zero." : map.hint
  }
  for (const pane of root.querySelectorAll(".pane")) {
    pane.onpointermove = (event) => {
      const map = root.usableMap, box = pane.getBoundingClientRect()
      if (!map) return
      const place = (at, size, cells) => Math.max(0, Math.min(cells - 1, Math.floor((at / size) * cells)))
      point(place(event.clientX - box.left, box.width, map.width), place(event.clientY - box.top, box.height, map.height))
    }
    pane.onpointerleave = leave
    pane.onblur = leave
    pane.onkeydown = (event) => {
      const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key]
      const map = root.usableMap
      if (!steps || !map) return
      event.preventDefault()
      const jump = Math.max(1, Math.round(map.width / 32))
      const [x, y] = root.usablePoint ?? [Math.floor(map.width / 2), Math.floor(map.height / 2)]
      const keep = (value, cells) => Math.max(0, Math.min(cells - 1, value))
      point(keep(x + jump * steps[0], map.width), keep(y + jump * steps[1], map.height))
    }
  }
  if (root.usableListener) window.removeEventListener(EVENT, root.usableListener)
  root.usableListener = draw
  window.addEventListener(EVENT, draw)

  const fresh = root.usableMap?.version !== data.version
  const load = async () => {
    const values = root.usableMap?.version === data.version ? root.usableMap.values
      : Float32Array.from(new Int8Array(await inflate(data.levels)), (level) => data.top * Math.sign(level) * (level / 127) ** 2)
    const segments = data.segments ? new Uint16Array(await inflate(data.segments)) : null
    if (root.usableWanted !== data.version) return // a newer map came meanwhile
    root.usableMap = { ...data, values, segments }
    draw()
    if (fresh) leave()
  }
  root.usableWanted = data.version
  load()
  return () => window.removeEventListener(EVENT, root.usableListener)
}
