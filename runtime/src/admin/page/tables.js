// Tables that are filled again every few seconds: rows stay the same elements, so that focus and selection stay.

import { el, put, visible } from "./dom.js";

/**
 * A table. Columns: `label`, `cell(row)` gives a text or nodes, `number` aligns it, `order(row)` sorts by it, `title`
 * explains it, `head` makes its cells the heads of their rows. `id(row)` tells rows apart.
 */
export class Table {
  constructor(place, { caption, columns, id, sort, empty, most }) {
    this.columns = columns;
    this.id = id;
    this.sort = sort ?? null;
    this.most = most ?? 500;
    this.rows = new Map();
    this.data = [];
    this.keep = () => true;
    this.body = el("tbody");
    this.heads = columns.map((column) => this.#head(column));
    this.note = el("p", { class: "empty" }, empty ?? "Nothing yet.");
    this.more = el("p", { class: "muted", hidden: true });
    const table = el("table", {}, el("caption", {}, caption), el("thead", {}, el("tr", {}, this.heads)), this.body);
    this.scroll = el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption }, table);
    put(place, this.scroll, this.more, this.note);
    this.#marks();
  }

  #head(column) {
    const props = { scope: "col", class: column.number ? "number" : null, title: column.title };
    if (!column.order) return el("th", props, column.label);
    const turn = () => {
      const again = this.sort?.column === column.label;
      this.sort = { column: column.label, down: again ? !this.sort.down : Boolean(column.number) };
      this.#marks();
      this.#show();
    };
    return el("th", props, el("button", { type: "button", class: "sort", onclick: turn }, column.label));
  }

  #marks() {
    this.columns.forEach((column, i) => {
      if (!column.order) return;
      const mine = this.sort?.column === column.label;
      this.heads[i].setAttribute("aria-sort", mine ? (this.sort.down ? "descending" : "ascending") : "none");
    });
  }

  /** Shows those rows only for which this says yes. */
  filter(keep) {
    this.keep = keep;
    this.#show();
  }

  fill(data) {
    this.data = data;
    this.#show();
  }

  #show() {
    const kept = this.data.filter(this.keep);
    const by = this.columns.find((column) => column.label === this.sort?.column)?.order;
    if (by) {
      const sign = this.sort.down ? -1 : 1;
      kept.sort((a, b) => sign * compare(by(a), by(b)));
    }
    const shown = kept.slice(0, this.most);
    const left = new Set(this.rows.keys());
    let after = null;
    for (const row of shown) {
      const id = this.id(row);
      left.delete(id);
      const tr = this.#row(id, row);
      const place = after ? after.nextSibling : this.body.firstChild;
      // Only what stands elsewhere is moved: a row that is moved loses its focus.
      if (place !== tr) this.body.insertBefore(tr, place);
      after = tr;
    }
    for (const id of left) {
      this.rows.get(id).tr.remove();
      this.rows.delete(id);
    }
    this.note.hidden = shown.length > 0;
    this.scroll.hidden = shown.length === 0;
    this.more.hidden = kept.length <= this.most;
    this.more.textContent = `${kept.length - shown.length} more are not shown: narrow the list down.`;
  }

  #row(id, row) {
    let known = this.rows.get(id);
    if (!known) {
      const cells = this.columns.map((column) => {
        const kind = column.number ? "number" : null;
        return column.head ? el("th", { scope: "row", class: kind }) : el("td", { class: kind });
      });
      known = { tr: el("tr", {}, cells), cells, said: [], row };
      this.rows.set(id, known);
    }
    known.row = row;
    this.columns.forEach((column, i) => {
      // A cell of nodes is made once if it does not change, or says by `mark` when it does.
      const shown = column.mark ? column.mark(row) : null;
      if (column.mark && known.said[i] === shown) return;
      const cell = column.cell(row, () => known.row);
      const said = column.mark ? shown : cell;
      if (known.said[i] === said) return;
      known.said[i] = said;
      put(known.cells[i], typeof cell === "string" ? visible(cell) : cell);
    });
    return known.tr;
  }
}

function compare(a, b) {
  if (typeof a === "string" || typeof b === "string") return String(a ?? "").localeCompare(String(b ?? ""));
  return (a ?? -Infinity) - (b ?? -Infinity);
}
