// For the scripts of live figures: `make scripts`. No plugin, so that eslint alone is enough.

const browser = `atob document getComputedStyle IntersectionObserver matchMedia MutationObserver
  performance requestAnimationFrame ResizeObserver window`;
const rules = `array-callback-return consistent-return constructor-super eqeqeq for-direction
  getter-return no-class-assign no-cond-assign no-const-assign no-constant-condition no-debugger
  no-dupe-args no-dupe-class-members no-dupe-else-if no-dupe-keys no-duplicate-imports no-eval
  no-fallthrough no-func-assign no-import-assign no-loss-of-precision no-self-assign
  no-self-compare no-shadow no-this-before-super no-undef no-unreachable no-unused-expressions
  no-unused-vars no-use-before-define no-useless-return no-var object-shorthand prefer-const
  prefer-template use-isnan valid-typeof`;
const each = (names, value) => Object.fromEntries(names.split(/\s+/).map((name) => [name, value]));

export default [
  {
    files: ["_static/live/*.mjs"],
    languageOptions: { globals: each(browser, "readonly") },
    rules: { curly: ["error", "multi-line"], ...each(rules, "error") },
  },
];
