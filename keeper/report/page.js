"use strict";
// One cursor for all charts: a pointer, a finger or the arrow keys choose an observation, the legends show its values.
(() => {
  const series = JSON.parse(document.getElementById("series").textContent);
  const times = series.times, last = times.length - 1;
  const figures = [...document.querySelectorAll("figure[data-chart]")];
  const cells = [...document.querySelectorAll("[data-series]")].map((cell) => ({
    cell, values: series.values[cell.dataset.series], decimals: series.decimals[cell.dataset.series],
    signed: cell.dataset.signed !== undefined, atRest: cell.textContent,
  }));
  const clocks = [...document.querySelectorAll("[data-when]")].map((cell) => ({ cell, atRest: cell.textContent }));
  let chosen = last;

  const number = (value, decimals, signed) => {
    const text = Math.abs(value).toLocaleString("en-US", { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
    const zero = !/[1-9]/.test(text);
    return (zero ? "" : value < 0 ? "−" : signed ? "+" : "") + text;
  };
  const clock = (seconds) => new Date(seconds * 1000).toISOString().slice(0, 16).replace("T", " ") + " UTC";

  const show = (index) => {
    chosen = index;
    const place = (100 * (times[index] - times[0])) / Math.max(times[last] - times[0], 1) + "%";
    for (const figure of figures) {
      figure.classList.add("pointed");
      for (const line of figure.querySelectorAll(".cursor")) { line.setAttribute("x1", place); line.setAttribute("x2", place); }
    }
    for (const { cell, values, decimals, signed } of cells) {
      const value = values[index];
      cell.textContent = typeof value === "string" ? value : number(value, decimals, signed);
    }
    for (const { cell } of clocks) cell.textContent = clock(times[index]);
  };
  const rest = () => {
    chosen = last;
    for (const figure of figures) figure.classList.remove("pointed");
    for (const { cell, atRest } of cells) cell.textContent = atRest;
    for (const { cell, atRest } of clocks) cell.textContent = atRest;
  };
  const nearest = (moment) => {
    let low = 0, high = last;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (times[middle] < moment) low = middle + 1; else high = middle;
    }
    return low > 0 && moment - times[low - 1] < times[low] - moment ? low - 1 : low;
  };

  for (const figure of figures) {
    const plot = figure.querySelector(".plot");
    const point = (event) => {
      const box = plot.getBoundingClientRect();
      const share = Math.min(Math.max((event.clientX - box.left) / box.width, 0), 1);
      show(nearest(times[0] + share * (times[last] - times[0])));
    };
    plot.addEventListener("pointermove", point);
    plot.addEventListener("pointerdown", point);
    plot.addEventListener("pointerleave", (event) => { if (event.pointerType === "mouse") rest(); });
    figure.addEventListener("keydown", (event) => {
      const step = event.shiftKey ? 24 : 1;
      const moves = { ArrowLeft: chosen - step, ArrowRight: chosen + step, Home: 0, End: last };
      if (event.key === "Escape") rest();
      if (!(event.key in moves)) return;
      event.preventDefault();
      show(Math.min(Math.max(moves[event.key], 0), last));
    });
    figure.addEventListener("blur", rest);
  }
})();
