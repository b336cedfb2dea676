// One heatmap over its picture. Colours follow usable_core/plots/heatmap.py, which owns the rule.
const EVENT = "usable-map-view"
const START = { opacity: 0.8, mode: "over", top: 5, wipe: 50, grey: true, shared: true, unsettled: true }
// Stripes of superpixels whose sign is not settled: seen on bright and on dark pictures.
const LIGHT = [245, 245, 245, 150], DARK = [20, 20, 20, 90]
const FINE = 448 // pixels that a coarse map is drawn with

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

function sized(canvas, map) {
  canvas.width = map.width
  canvas.height = map.height
  return canvas.getContext("2d")
}

function superpixel(map, x, y) {
  return map.superpixels?.[map.segments[y * map.width + x]]
}

function isEdge(map, x, y, width) {
  const at = (i, j) => i < 0 || j < 0 || i >= map.width || j >= map.height ? -1 : map.segments[j * map.width + i]
  const here = at(x, y)
  for (let step = 1; step <= width; step++)
    if (at(x - step, y) !== here || at(x + step, y) !== here || at(x, y - step) !== here || at(x, y + step) !== here)
      return true
  return false
}

// Credits as opacity of the sign's colour; stripes, and no colour, where the sign is not settled.
// Drawn finer than the map, so that a coarse one has soft edges and thin stripes on a fine picture.
function paint(canvas, map, limit, withUnsettled) {
  const scale = Math.max(1, Math.round(FINE / map.width))
  const coarse = new OffscreenCanvas(map.width, map.height).getContext("2d")
  const pixels = coarse.createImageData(map.width, map.height)
  const isOpen = (x, y) => withUnsettled && map.segments && superpixel(map, x, y)?.settled === false
  for (let i = 0; i < map.values.length; i++) {
    const value = map.values[i], x = i % map.width, y = Math.floor(i / map.width)
    const strength = limit > 0 && !isOpen(x, y) ? Math.min(Math.abs(value) / limit, 1) * 255 : 0
    pixels.data.set([...(value < 0 ? map.against : map.for), strength], 4 * i)
  }
  coarse.putImageData(pixels, 0, 0)
  canvas.width = scale * map.width
  canvas.height = scale * map.height
  const context = canvas.getContext("2d")
  context.drawImage(coarse.canvas, 0, 0, canvas.width, canvas.height)
  if (!withUnsettled || !map.segments) return
  context.beginPath()
  for (let y = 0; y < map.height; y++)
    for (let x = 0; x < map.width; x++)
      if (isOpen(x, y)) context.rect(scale * x, scale * y, scale, scale)
  context.clip()
  const period = Math.max(4, canvas.width / 26)
  for (const [shift, colour] of [[0, LIGHT], [1.5, DARK]]) {
    context.strokeStyle = `rgba(${colour.slice(0, 3).join(",")},${colour[3] / 255})`
    context.lineWidth = canvas.width / 400
    context.beginPath()
    for (let at = shift; at < canvas.width + canvas.height; at += period) {
      context.moveTo(at, 0)
      context.lineTo(at - canvas.height, canvas.height)
    }
    context.stroke()
  }
}

// What the model is shown instead of the parts that are hidden; plain until it has been asked.
async function paintGone(canvas, map) {
  const context = sized(canvas, map)
  const hidden = new Set(map.hidden ?? [])
  if (!hidden.size || !map.segments) return
  const gone = map.gone ? Object.assign(new Image(), { src: map.gone }) : null
  await gone?.decode()
  if (canvas.usableGone !== map.hidden) return // other parts meanwhile
  context.fillStyle = "rgb(128, 128, 128)"
  for (let y = 0; y < map.height; y++)
    for (let x = 0; x < map.width; x++)
      if (hidden.has(map.segments[y * map.width + x])) context.fillRect(x, y, 1, 1)
  if (!gone) return
  context.globalCompositeOperation = "source-atop"
  context.drawImage(gone, 0, 0, map.width, map.height)
}

// The highest superpixels as they are, rimmed in the sign's colour; a veil over the rest.
function paintTop(canvas, map, count, veil) {
  const context = sized(canvas, map)
  const rim = Math.max(1, Math.round(map.width / 110))
  for (let y = 0; y < map.height; y++)
    for (let x = 0; x < map.width; x++) {
      const part = superpixel(map, x, y)
      const isTop = part && part.rank <= count && part.value !== 0
      if (isTop && !isEdge(map, x, y, rim)) continue
      context.fillStyle = !isTop ? veil : `rgb(${(part.value < 0 ? map.against : map.for).join(",")})`
      context.fillRect(x, y, 1, 1)
    }
}

// A thin rim around the superpixel of a place, white with a dark line beside it.
function mark(canvas, map, x, y) {
  const scale = Math.max(1, Math.round(FINE / map.width))
  canvas.width = scale * map.width
  canvas.height = scale * map.height
  const context = canvas.getContext("2d")
  if (x === null) return
  const here = map.segments ? map.segments[y * map.width + x] : null
  const isIn = (i, j) => i >= 0 && j >= 0 && i < map.width && j < map.height
    && (here === null ? i === x && j === y : map.segments[j * map.width + i] === here)
  context.beginPath()
  const line = (i, j, k, l) => {
    context.moveTo(scale * i, scale * j)
    context.lineTo(scale * k, scale * l)
  }
  for (let j = 0; j < map.height; j++)
    for (let i = 0; i < map.width; i++) {
      if (!isIn(i, j)) continue
      if (!isIn(i - 1, j)) line(i, j, i, j + 1)
      if (!isIn(i + 1, j)) line(i + 1, j, i + 1, j + 1)
      if (!isIn(i, j - 1)) line(i, j, i + 1, j)
      if (!isIn(i, j + 1)) line(i, j + 1, i + 1, j + 1)
    }
  for (const [width, colour] of [[4, "rgba(20, 20, 20, 0.6)"], [2, "rgba(255, 255, 255, 0.95)"]]) {
    context.lineWidth = width
    context.strokeStyle = colour
    context.stroke()
  }
}

function reading(map, x, y) {
  const pixel = `pixel (${x}, ${y}): ${number(map.values[y * map.width + x])}`
  const part = map.segments && superpixel(map, x, y)
  if (!part) return pixel
  const range = part.low === null ? "" : ` (95 %: ${number(part.low)} to ${number(part.high)})`
  const sign = part.settled ? "" : ", sign not settled"
  const id = map.segments[y * map.width + x]
  const text = `superpixel ${id}: ${number(part.value)}${range}, rank ${part.rank} of ${map.count}${sign}`
  return map.perPixel ? `${pixel} · ${text}` : text
}

export default function (component) {
  const { data, parentElement, setTriggerValue } = component
  const root = parentElement.querySelector(".map")
  if (!root || !data) return
  const find = (name) => root.querySelector(name)
  const view = () => (window.usableMapView ??= { ...START })
  const tell = () => window.dispatchEvent(new Event(EVENT))
  const picture = find("img")
  if (picture.src !== data.image) picture.src = data.image
  for (const pane of root.querySelectorAll(".pane")) pane.setAttribute("aria-label", data.alt)
  root.classList.toggle("small", data.isCoarse)
  root.classList.toggle("pickable", Boolean(data.pickable))
  root.classList.toggle("empty", data.empty)

  const draw = () => {
    const map = root.usableMap
    if (!map) return
    const { opacity, mode, top, wipe, grey, shared, unsettled } = view()
    const limit = shared ? map.shared : map.own
    const isTop = mode === "top" && map.segments && !map.empty
    for (const name of ["over", "beside", "wipe", "top"])
      root.classList.toggle(`${name}-mode`, name === (mode === "top" && !isTop ? "over" : mode))
    root.classList.toggle("grey", grey)
    root.style.setProperty("--at", `${wipe}%`)
    find(".wipe").value = wipe
    find(".over").style.opacity = opacity
    const veil = getComputedStyle(root).getPropertyValue("--st-background-color").trim() || "#ffffff"
    const wanted = [map.version, limit, unsettled, isTop ? `${top} ${veil}` : ""].join(" ")
    if (root.usableDrawn !== wanted) {
      if (isTop) paintTop(find(".over"), map, top, veil)
      else paint(find(".over"), map, limit, unsettled)
      paint(find(".alone canvas"), map, limit, unsettled)
      root.usableDrawn = wanted
    }
    find(".low").textContent = map.signed ? number(-limit) : "0"
    find(".high").textContent = number(limit)
    const rgb = (c, a) => `rgba(${c.join(",")},${a})`
    const left = map.signed ? `${rgb(map.against, 1)}, ${rgb(map.against, 0)} 50%, ${rgb(map.for, 0)} 50%` : rgb(map.for, 0)
    find(".bar").style.background = `linear-gradient(to right, ${left}, ${rgb(map.for, 1)})`
  }
  const point = (x, y) => {
    const map = root.usableMap
    if (!map || map.empty) return
    root.usablePoint = [x, y]
    for (const canvas of root.querySelectorAll(".mark")) mark(canvas, map, x, y)
    find(".readout").textContent = reading(map, x, y)
    find(".readout").classList.toggle("high", y > map.height / 2)
  }
  const leave = () => {
    const map = root.usableMap
    if (!map) return
    for (const canvas of root.querySelectorAll(".mark")) mark(canvas, map, null, null)
    find(".readout").textContent = map.empty ? "No evidence: every value of this map is zero." : ""
  }
  find(".wipe").oninput = (event) => {
    view().wipe = Number(event.target.value)
    tell()
  }
  for (const pane of root.querySelectorAll(".pane")) {
    pane.onpointermove = (event) => {
      const map = root.usableMap, box = pane.getBoundingClientRect()
      if (!map) return
      const place = (at, size, cells) => Math.max(0, Math.min(cells - 1, Math.floor((at / size) * cells)))
      point(place(event.clientX - box.left, box.width, map.width), place(event.clientY - box.top, box.height, map.height))
    }
    const pick = () => {
      const map = root.usableMap
      if (!map?.pickable || !map.segments || !root.usablePoint) return
      const [x, y] = root.usablePoint
      setTriggerValue("picked", map.segments[y * map.width + x])
    }
    pane.onclick = (event) => {
      if (event.target.classList.contains("wipe")) return // the divider is dragged
      pane.onpointermove(event)
      pick()
    }
    pane.onpointerleave = leave
    pane.onblur = leave
    pane.onkeydown = (event) => {
      if (event.key === "Enter" && event.target === pane) return pick()
      const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key]
      const map = root.usableMap
      if (!steps || !map || event.target !== pane) return // the divider's own keys
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
    const values = fresh
      ? Float32Array.from(new Int8Array(await inflate(data.levels)), (level) => data.top * Math.sign(level) * (level / 127) ** 2)
      : root.usableMap.values
    const segments = !data.segments ? null : fresh ? new Uint16Array(await inflate(data.segments)) : root.usableMap.segments
    if (root.usableWanted !== data.version) return // a newer map came meanwhile
    root.usableMap = { ...data, values, segments }
    draw()
    for (const canvas of root.querySelectorAll(".gone")) {
      canvas.usableGone = data.hidden
      paintGone(canvas, root.usableMap)
    }
    if (fresh) leave()
  }
  root.usableWanted = data.version
  load()
  return () => window.removeEventListener(EVENT, root.usableListener)
}
