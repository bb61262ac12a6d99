"""The layout of mflib: imports run one way, and what is private stays in its package."""

import ast
import graphlib
import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
THEORY = {"dynamics", "networks", "modelling", "multifunctionality"}
COMMON = {"checks"}  # what arguments have to be, the same in all packages
MAY_IMPORT = {
    "dynamics": set(),
    "networks": set(),
    "modelling": {"dynamics", "networks"},
    "multifunctionality": {"dynamics", "networks", "modelling"},
    "book": THEORY,
    "experiments": THEORY | {"book"},
}
MODULES = sorted(ROOT.glob("mflib/**/*.py"))
USERS = sorted(
    path for folder in ("tools", "benchmarks", "_ext") for path in ROOT.glob(f"{folder}/*.py")
)
NOTEBOOKS = sorted(
    path for path in ROOT.glob("chapters/**/*.ipynb") if ".ipynb_checkpoints" not in path.parts
)


def named(path):
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def tree(path):
    if path.suffix == ".py":
        return ast.parse(path.read_text(encoding="utf-8"))
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return ast.parse("\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "code"))


def imported(node):
    """What an import statement takes, as `module` and `name` (None for a whole module)."""
    if isinstance(node, ast.Import):
        return [(alias.name, None, alias.asname or alias.name) for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        assert node.level == 0, "imports are absolute"
        return [(node.module, alias.name, alias.asname or alias.name) for alias in node.names]
    return []


def own_imports(nodes):
    """What statements take from mflib: full dotted name and the name it goes by."""
    return [
        (f"{module}.{name}" if name else module, alias)
        for node in nodes
        for module, name, alias in imported(node)
        if module.split(".")[0] == "mflib"
    ]


def package(name):
    """The package of a dotted name; None for mflib itself and for code outside it."""
    parts = name.split(".")
    return parts[1] if parts[0] == "mflib" and len(parts) > 1 else None


def is_private(name):
    return any(part.startswith("_") and not part.endswith("__") for part in name.split("."))


@pytest.fixture(params=MODULES, ids=named)
def module(request):
    return request.param


def test_every_module_has_a_package(module):
    assert package(named(module)) in {None, *COMMON, *MAY_IMPORT}


def test_imports_run_one_way(module):
    here = package(named(module))
    taken = {package(name) for name, _ in own_imports(ast.walk(tree(module)))} - {None, here}
    assert taken - COMMON <= MAY_IMPORT.get(here, set())


def test_modules_do_not_import_each_other_in_circles():
    modules = {named(path) for path in MODULES}

    def module_of(name):
        while name not in modules:
            name = name.rpartition(".")[0]
        return name

    arrows = {
        named(path): {module_of(name) for name, _ in own_imports(tree(path).body)}
        for path in MODULES
    }
    list(graphlib.TopologicalSorter(arrows).static_order())  # raises CycleError


@pytest.mark.parametrize("path", [*MODULES, *USERS, *NOTEBOOKS], ids=lambda path: path.stem)
def test_what_is_private_stays_in_its_package(path):
    here = package(named(path)) if path in MODULES else None
    nodes = list(ast.walk(tree(path)))
    foreign = [(name, alias) for name, alias in own_imports(nodes) if package(name) != here]
    aliases = {alias for _, alias in foreign}
    taken = [name for name, _ in foreign if is_private(name)] + [
        ast.unparse(node)
        for node in nodes
        if isinstance(node, ast.Attribute)
        and is_private(node.attr)
        and ast.unparse(node.value) in aliases
    ]
    assert taken == []


@pytest.mark.parametrize("path", sorted(ROOT.glob("mflib/dynamics/*.py")), ids=named)
def test_dynamics_knows_no_network_library(path):
    libraries = {name.split(".")[0] for n in ast.walk(tree(path)) for name, *_ in imported(n)}
    assert not libraries & {"tensorflow", "keras", "torch"}


@pytest.mark.parametrize("name", MAY_IMPORT)
def test_every_module_has_its_place_on_the_page_of_its_package(name):
    page = (ROOT / "chapters" / "back" / "api" / f"{name}.md").read_text(encoding="utf-8")
    modules = {named(path) for path in MODULES if package(named(path)) == name} - {f"mflib.{name}"}
    public = sorted(module for module in modules if not is_private(module))
    assert sorted(re.findall(r"^\.\. automodule:: (\S+)$", page, re.MULTILINE)) == public
