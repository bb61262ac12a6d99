// A link to a claim opens what it is folded in: mflib.book.record, _ext/fold_claims.py. Not every
// browser does that by itself.

(() => {
  "use strict";

  const reveal = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    const folds = [];
    for (let node = target; node; node = node.parentElement) {
      if (node instanceof HTMLDetailsElement && !node.open) folds.push(node);
    }
    for (const fold of folds) fold.open = true;
    if (folds.length) target.scrollIntoView();
  };

  addEventListener("hashchange", reveal);
  if (document.readyState === "loading") addEventListener("DOMContentLoaded", reveal);
  else reveal();
})();
