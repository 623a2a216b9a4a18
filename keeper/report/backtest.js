"use strict";
// Charts that share an axis share one cursor and one window of time. A pointer, a finger or the arrow keys choose a
// moment; dragging with a mouse, the buttons, plus and minus choose the window; the legends switch curves.
(() => {
  const UNITS = 1000, DAY = 86400, FEWEST = 4, SVG = "http://www.w3.org/2000/svg";
  const data = JSON.parse(document.getElementById("series").textContent);
  const number = (value, decimals, signed) => {
    const text = Math.abs(value).toLocaleString("en-US", { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
    return (!/[1-9]/.test(text) ? "" : value < 0 ? "−" : signed ? "+" : "") + text;
  };
  const iso = (seconds) => new Date(seconds * 1000).toISOString();
  const clock = (seconds) => iso(seconds).slice(0, 16).replace("T", " ") + " UTC";
  const day = (seconds, long) => new Date(seconds * 1000).toLocaleDateString("en-GB", long
    ? { month: "short", year: "numeric", timeZone: "UTC" } : { day: "numeric", month: "short", timeZone: "UTC" });
  const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
  const draw = (name, attributes, text) => {
    const node = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    if (text !== undefined) node.textContent = text;
    return node;
  };
  const roundSteps = (low, high) => {
    const rough = (high - low) / 5, scale = 10 ** Math.floor(Math.log10(rough));
    const step = scale * [1, 2, 2.5, 5, 10].find((m) => m * scale >= rough * 0.999999);
    const found = [];
    for (let n = Math.ceil(low / step); n <= Math.floor(high / step); n++) found.push(n * step);
    return [found, Math.max(0, -Math.floor(Math.log10(step) + 1e-9)) + (/[.]25|^2.5/.test(String(step / scale)) ? 1 : 0)];
  };
  const timeMarks = (start, end) => {
    const days = (end - start) / DAY, marks = [];
    let step = days < 2
      ? 60 * ([5, 10, 15, 30, 60, 120, 180, 360, 720].find((m) => days * 1440 / m <= 7) || 720)
      : DAY * ([1, 2, 5, 7, 10, 14, 30, 60, 90, 180, 365].find((n) => days / n <= 7) || Math.ceil(days / 7));
    for (let at = Math.ceil(start / step) * step; at <= end; at += step)
      marks.push([at, days < 2 ? (at % DAY ? iso(at).slice(11, 16) : day(at)) : day(at, days >= 300)]);
    return marks;
  };

  for (const name of Object.keys(data)) {
    const { times, values, decimals } = data[name], last = times.length - 1;
    const charts = [...document.querySelectorAll(`figure[data-axis="${name}"]`)].map((figure) => {
      const plot = figure.querySelector(".plot"), curves = figure.querySelector(".curves");
      const [start, end, low, high] = plot.dataset.frame.split(" ").map(Number);
      const entries = [...figure.querySelectorAll("b[data-series]")].map((cell) => ({
        cell, key: cell.dataset.series, signed: cell.dataset.signed !== undefined, atRest: cell.textContent, shown: true,
        label: cell.parentElement.querySelector(".toggle").textContent,
      }));
      const axis = figure.querySelector(".axis"), strip = figure.querySelector(".strip");
      return { figure, plot, curves, start, end, low, high, entries, axis, strip, when: figure.querySelector("[data-when]"),
        tip: figure.querySelector(".tip"), cursor: plot.querySelector(".cursor"), hasBands: !!figure.querySelector(".band"),
        grid: [...plot.querySelectorAll(":scope > .grid, :scope > .value")], marks: [...axis.children] };
    });
    if (!charts.length) continue;
    const whole = [charts[0].start, charts[0].end], atRest = charts[0].when.textContent;
    let view = [...whole], chosen = last, pointed = null;

    const nearest = (moment) => {
      let low = 0, high = last;
      while (low < high) {
        const middle = (low + high) >> 1;
        if (times[middle] < moment) low = middle + 1; else high = middle;
      }
      return low > 0 && moment - times[low - 1] < times[low] - moment ? low - 1 : low;
    };
    const isWhole = () => view[0] === whole[0] && view[1] === whole[1];
    const bounds = (chart) => {
      const shown = chart.entries.filter((entry) => entry.shown);
      if ((isWhole() && shown.length === chart.entries.length) || !shown.length) return [chart.low, chart.high];
      let low = Infinity, high = -Infinity;
      const from = Math.max(nearest(view[0]) - 1, 0), to = Math.min(nearest(view[1]) + 1, last);
      for (const { key } of shown)
        for (let at = from; at <= to; at++) { low = Math.min(low, values[key][at]); high = Math.max(high, values[key][at]); }
      const room = (high - low) * (chart.hasBands ? 0.6 : 0.08) || Math.abs(high) * 0.06 || 1;
      return [low - room, high + room];
    };
    const paint = (chart) => {
      const [low, high] = bounds(chart), span = view[1] - view[0];
      const x = UNITS * (view[0] - chart.start) / (chart.end - chart.start), y = UNITS * (chart.high - high) / (chart.high - chart.low);
      const width = UNITS * span / (chart.end - chart.start), height = UNITS * (high - low) / (chart.high - chart.low);
      chart.curves.setAttribute("viewBox", `${x} ${y} ${width} ${height}`);
      if (chart.strip) chart.strip.setAttribute("viewBox", `${x} 0 ${width} 10`);
      for (const node of chart.grid) node.remove();
      const [ticks, digits] = roundSteps(low, high), place = (tick) => `${(100 * (high - tick)) / (high - low)}%`;
      const lines = ticks.map((tick) => draw("line", { class: tick === 0 && low < 0 ? "grid zero" : "grid", x1: 0, x2: "100%", y1: place(tick), y2: place(tick) }));
      const texts = ticks.map((tick) => draw("text", { class: "tick value", x: 2, y: place(tick), dy: -4 }, number(tick, digits)));
      chart.plot.prepend(...lines);
      chart.curves.after(...texts);
      chart.grid = [...lines, ...texts];
      chart.axis.replaceChildren(...timeMarks(...view).map(([at, text], index) => {
        const left = (100 * (at - view[0])) / span;
        return draw("text", { class: index % 2 ? "tick thin" : "tick", x: `${left}%`, y: 14, "text-anchor": left < 4 ? "start" : left > 96 ? "end" : "middle" }, text);
      }));
    };
    const repaint = () => { for (const chart of charts) paint(chart); if (pointed) show(chosen, pointed.chart, pointed.tipped); };
    const zoomTo = (from, to) => {
      const least = Math.max((whole[1] - whole[0]) / Math.max(last, 1) * FEWEST, 60);
      const span = clamp(to - from, Math.min(least, whole[1] - whole[0]), whole[1] - whole[0]);
      const start = clamp((from + to - span) / 2, whole[0], whole[1] - span);
      view = [start, start + span];
      if (span >= (whole[1] - whole[0]) * 0.999) view = [...whole];
      repaint();
    };
    const zoomBy = (factor) => {
      const span = view[1] - view[0], centre = pointed ? clamp(times[chosen], ...view) : (view[0] + view[1]) / 2;
      const share = (centre - view[0]) / span, from = centre - share * span * factor;
      zoomTo(from, from + span * factor);
    };

    const fillTip = (chart, index, share) => {
      const rows = chart.entries.filter((entry) => entry.shown).slice(0, 12).map((entry) => [entry.label, entry.cell.textContent]);
      chart.tip.replaceChildren(...[[clock(times[index]), ""], ...rows].map(([label, value]) => {
        const row = document.createElement("p"), words = document.createElement("span"), figure = document.createElement("b");
        words.textContent = label; figure.textContent = value; row.append(words, figure);
        return row;
      }));
      chart.tip.hidden = false;
      const room = chart.plot.clientWidth - chart.tip.offsetWidth, x = share * chart.plot.clientWidth;
      chart.tip.style.left = `${clamp(share < 0.5 ? x + 14 : x - chart.tip.offsetWidth - 14, 0, Math.max(room, 0))}px`;
    };
    const show = (index, at, tipped) => {
      chosen = index; pointed = { chart: at, tipped };
      const share = (times[index] - view[0]) / (view[1] - view[0]), inside = share >= 0 && share <= 1;
      for (const chart of charts) {
        chart.figure.classList.toggle("pointed", inside);
        chart.cursor.setAttribute("x1", `${100 * share}%`); chart.cursor.setAttribute("x2", `${100 * share}%`);
        for (const entry of chart.entries) entry.cell.textContent = number(values[entry.key][index], decimals[entry.key], entry.signed);
        chart.when.textContent = clock(times[index]);
        if (chart === at && tipped && inside) fillTip(chart, index, share); else chart.tip.hidden = true;
      }
    };
    const rest = () => {
      chosen = last; pointed = null;
      for (const chart of charts) {
        chart.figure.classList.remove("pointed"); chart.tip.hidden = true; chart.when.textContent = atRest;
        for (const entry of chart.entries) entry.cell.textContent = entry.atRest;
      }
    };

    for (const chart of charts) {
      const { figure, plot } = chart;
      let drag = null;
      const shareOf = (event) => { const box = plot.getBoundingClientRect(); return clamp((event.clientX - box.left) / box.width, 0, 1); };
      const moment = (share) => view[0] + share * (view[1] - view[0]);
      plot.addEventListener("pointermove", (event) => {
        const share = shareOf(event);
        if (drag) {
          const from = Math.min(share, drag.share), to = Math.max(share, drag.share);
          drag.box.setAttribute("x", `${100 * from}%`); drag.box.setAttribute("width", `${100 * (to - from)}%`);
        }
        show(nearest(moment(share)), chart, true);
      });
      plot.addEventListener("pointerdown", (event) => {
        show(nearest(moment(shareOf(event))), chart, true);
        if (event.pointerType !== "mouse" || event.button !== 0) return;
        drag = { share: shareOf(event), x: event.clientX, box: draw("rect", { class: "select", y: 0, height: "100%", width: 0 }) };
        plot.append(drag.box); plot.setPointerCapture(event.pointerId); event.preventDefault(); figure.focus({ preventScroll: true });
      });
      const drop = (event) => {
        if (!drag) return;
        const { share, x, box } = drag;
        drag = null; box.remove();
        if (event.type === "pointerup" && Math.abs(event.clientX - x) > 6) {
          const ends = [share, shareOf(event)].sort((a, b) => a - b).map(moment);
          zoomTo(...ends);
        }
      };
      plot.addEventListener("pointerup", drop);
      plot.addEventListener("pointercancel", drop);
      plot.addEventListener("pointerleave", (event) => { if (event.pointerType === "mouse" && !drag) rest(); });
      plot.addEventListener("dblclick", () => zoomTo(...whole));
      for (const button of figure.querySelectorAll("[data-zoom]"))
        button.addEventListener("click", () => ({ in: () => zoomBy(0.5), out: () => zoomBy(2), whole: () => zoomTo(...whole) })[button.dataset.zoom]());
      for (const button of figure.querySelectorAll("[data-toggle]"))
        button.addEventListener("click", () => {
          const on = button.getAttribute("aria-pressed") !== "true", names = button.dataset.toggle.split(" ");
          button.setAttribute("aria-pressed", String(on));
          for (const each of names) for (const node of chart.curves.getElementsByClassName(each)) node.classList.toggle("off", !on);
          for (const entry of chart.entries) if (names.includes(entry.key)) entry.shown = on;
          paint(chart);
        });
      figure.addEventListener("keydown", (event) => {
        if (event.ctrlKey || event.metaKey || event.altKey) return;
        const step = event.shiftKey ? 24 : 1;
        const moves = { ArrowLeft: chosen - step, ArrowRight: chosen + step, Home: 0, End: last };
        const zooms = { "+": () => zoomBy(0.5), "=": () => zoomBy(0.5), "-": () => zoomBy(2), 0: () => zoomTo(...whole), Escape: rest };
        if (event.key in zooms) { event.preventDefault(); zooms[event.key](); }
        if (!(event.key in moves)) return;
        event.preventDefault();
        const index = clamp(moves[event.key], 0, last), span = view[1] - view[0];
        if (times[index] < view[0]) zoomTo(times[index], times[index] + span);
        if (times[index] > view[1]) zoomTo(times[index] - span, times[index]);
        show(index, chart, true);
      });
      figure.addEventListener("focusout", (event) => { if (!figure.contains(event.relatedTarget)) rest(); });
    }
    window.addEventListener("beforeprint", () => { rest(); });
  }

  for (const table of document.querySelectorAll("table[data-sortable]")) {
    const body = table.tBodies[0], heads = [...table.tHead.rows[0].cells];
    table.tHead.addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (!button) return;
      const column = Number(button.dataset.column), head = heads[column];
      const descending = head.getAttribute("aria-sort") === "none" ? column > 0 : head.getAttribute("aria-sort") === "ascending";
      for (const each of heads) each.setAttribute("aria-sort", "none");
      head.setAttribute("aria-sort", descending ? "descending" : "ascending");
      const value = (row) => row.cells[column].dataset.value;
      body.append(...[...body.rows].sort((one, other) => {
        const a = value(one), b = value(other);
        if (a === undefined || b === undefined) return (a === undefined) - (b === undefined);
        const order = column ? Number(a) - Number(b) : a.localeCompare(b);
        return descending ? -order : order;
      }));
    });
  }

  for (const table of document.querySelectorAll("table[data-heat]")) {
    const words = table.closest("section").querySelector("[data-heat-words]"), atRest = words.textContent;
    const cells = [...table.tBodies[0].rows].map((row) => [...row.querySelectorAll("td")]);
    const tell = (event) => { const cell = event.target.closest("td[data-words]"); if (cell) words.textContent = cell.dataset.words; };
    for (const kind of ["pointerover", "pointerdown", "focusin"]) table.addEventListener(kind, tell);
    table.addEventListener("pointerleave", (event) => { if (event.pointerType === "mouse") words.textContent = atRest; });
    table.addEventListener("keydown", (event) => {
      const row = cells.findIndex((each) => each.includes(event.target)), step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
      if (row < 0 || !step) return;
      const next = (cells[row + step[0]] || [])[cells[row].indexOf(event.target) + step[1]];
      event.preventDefault();
      if (next) { event.target.tabIndex = -1; next.tabIndex = 0; next.focus(); }
    });
  }
})();
