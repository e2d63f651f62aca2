// One document for every path: the path says what is shown, and history what was shown before.

function show() {
  document.querySelector("main").textContent = `At ${location.pathname}`;
}

document.querySelector("nav").addEventListener("click", event => {
  event.preventDefault();
  history.pushState(null, "", event.target.href);
  show();
});

addEventListener("popstate", show);
show();
