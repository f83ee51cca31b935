// Runs before the first paint, so that a dark room is not lit up meanwhile.
(() => {
  try {
    const said = localStorage.getItem("cached.theme");
    if (said === "light" || said === "dark") document.documentElement.dataset.theme = said;
  } catch {
    // Without a place to remember it the system decides.
  }
})();
