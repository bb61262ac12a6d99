"""Live figures: what runs in the page is what the library computes, and a reader can drive it."""

import base64
import json
import math
import os
import re
import shutil
import subprocess
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
import tensorflow as tf
from axe_playwright_python.sync_playwright import Axe

from mflib.book.live import FLOWS, SCRIPTS, live
from mflib.dynamics.systems import reference_values
from mflib.experiments.records import load_or_train
from mflib.experiments.seeing_double import SeeingDouble
from mflib.experiments.shared_units import SharedUnits
from mflib.experiments.two_worlds import TWO_WORLDS
from mflib.modelling.closed_loop import free_run, warm_up
from mflib.modelling.perturbations import scale_recurrence, shift_forget_bias
from mflib.multifunctionality.tasks import Attractor, cues, seeing_double
from mflib.networks.elman import Elman
from mflib.networks.gru import GRU
from mflib.networks.lstm import LSTM, IncrementLSTM
from mflib.networks.recurrent import cast, replace

ROOT = Path(__file__).parents[1]
TASKS, WORLDS = seeing_double(), TWO_WORLDS[0].tasks()
ALT, HINT = "A square in which a network draws.", "Choose a cue."
HOW = ["mouse", "touch", "keyboard"]
PHONE, DESKTOP = 360, 1280
KINDS = {kind.__name__: kind for kind in (Elman, LSTM, IncrementLSTM)}
#: Of each figure a cue, the answer, the length of cues and the greatest, and the unit of noise.
FIGURES = {
    "two_circles": ("Cue B", "Loop closed: circle B, clockwise.", 42, 126, 5),
    "two_worlds": ("Cue: Lorenz", "Loop closed: Lorenz answers.", 20, 80, 1),
}

#: Of all figures the time in which a frame may be computed and drawn, milliseconds.
FRAMES = {"two_circles": 8, "switch": 8, "knobs": 8, "several": 8, "two_worlds": 12}

RUN = """([cue, steps, which]) => {
  const { loop: { constructor: Loop }, figure } = document.querySelector(".live").live;
  const loop = new Loop(figure.data.networks[which]);
  cue.forEach((u) => loop.drive(u));
  return Array.from({ length: steps }, () => {
    const output = Array.from(loop.output);
    loop.drive(output);
    return output;
  });
}"""


def circles(*networks, scene="Circles", tasks=TASKS, **settings):
    options = {"still": plt.figure(figsize=(6.4, 3.2)), "alt": ALT, "hint": HINT} | settings
    return live(scene, *networks, tasks=tasks, dt=0.1, **options)


def worlds(network):
    return circles(network, scene="Worlds", tasks=WORLDS, turn=40)


def small(kind):
    """A network with weights of all its kind has, none of them zero."""
    peepholes = {"peepholes": True} if issubclass(kind, LSTM) else {}
    network, rng = kind.create(2, 5, seed=1, dtype="float64", **peepholes), np.random.default_rng(0)
    weights = {name: w + rng.normal(0, 0.1, w.shape) for name, w in network.weights().items()}
    return replace(network, **weights)


def unpacked(html):
    """The networks of a figure."""
    text = re.search(r'json">(.*?)</script>', html)[1]
    for packed in json.loads(text)["networks"]:
        weights = {}
        for name, entry in packed["weights"].items():
            little = np.dtype(entry["type"]).newbyteorder("<")
            numbers = np.frombuffer(base64.b64decode(entry["data"]), little)
            weights[name] = tf.constant(numbers.reshape(entry["shape"]))
        yield KINDS[packed["kind"]](**weights)


# --- the output of a cell ---


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_weights_travel_bit_by_bit(dtype):
    network = cast(small(LSTM), dtype)
    [found] = [one.weights() for one in unpacked(circles(network).html)]
    assert found.keys() == network.weights().keys()
    for name, weight in network.weights().items():
        assert found[name].dtype == dtype
        assert found[name].numpy().tobytes() == weight.numpy().tobytes()


def test_where_no_page_is_shown_the_figure_is_its_description():
    assert repr(circles(small(LSTM))) == ALT


def test_scripts_are_written_one_after_the_other():
    html = worlds(small(LSTM)).html
    assert not re.search(r"^(import|export)\b", html, re.MULTILINE)
    order = [html.index(f"class {name} ") for name in ("Figure", "Loop", "Player", "Worlds")]
    assert order == sorted(order) and "class Circles" not in html


@pytest.mark.parametrize(
    ("scene", "network", "changes", "named"),
    [
        ("Squares", small(LSTM), {}, "scene: got 'squares', expected one of the modules circles"),
        ("Circles", GRU.create(2, 4), {}, "networks: got GRU"),
        ("Circles", replace(small(Elman), bias=np.full(5, np.nan)), {}, "bias: got values"),
        ("Circles", small(LSTM), {"alt": " "}, "alt: got ' '"),
        ("Circles", small(LSTM), {"hint": ""}, "hint: got ''"),
        ("Circles", small(LSTM), {"dt": np.inf}, "settings: got"),
        ("Circles", small(LSTM), {"dt": object}, "settings: got"),
        ("Worlds", small(LSTM), {"tasks": [Attractor("rossler", 0.1)]}, "rossler is not among"),
    ],
)
def test_what_does_not_fit_is_named(scene, network, changes, named):
    options = {"still": plt.figure(), "alt": ALT, "hint": HINT, "tasks": TASKS, "dt": 0.1}
    with pytest.raises(ValueError, match=re.escape(named)):
        live(scene, network, **options | changes)
    plt.close("all")


def test_without_the_repository_there_are_no_scripts(monkeypatch):
    monkeypatch.setattr("mflib.book.live.SCRIPTS", Path("nowhere"))
    with pytest.raises(FileNotFoundError, match="belongs to the repository"):
        circles(small(LSTM))
    plt.close("all")


# --- in a browser, from a file ---


@pytest.fixture
def opened(browser, tmp_path):
    """Opens a live figure; afterwards nothing was asked of the network or complained about."""
    complaints, contexts = [], []

    def open_page(figure, width=DESKTOP, below="", **options):
        style = (ROOT / "_static/book.css").read_text(encoding="utf-8")
        file = tmp_path / f"{len(contexts)}.html"
        file.write_text(
            '<!doctype html><html lang="en" data-theme="light"><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width,initial-scale=1"><title>A</title>'
            f"<style>{style} html[data-theme=dark] body {{ background: #121212; color: #ddd }}"
            f"</style><main><h1>A figure</h1>{figure.html}{below}</main></html>",
            encoding="utf-8",
        )
        options = {"viewport": {"width": width, "height": 900}, "has_touch": True} | options
        contexts.append(browser.new_context(**options))
        page = contexts[-1].new_page()
        page.on("request", lambda asked: complaints.append(asked.url))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: complaints.append(said.text))
        page.goto(file.as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()
    local = ("file:", "data:")
    assert [what for what in complaints if not what.startswith(local)] == []


@pytest.fixture(scope="module")
def two_circles():
    return circles(load_or_train(SharedUnits(8, 0)))


@pytest.fixture(scope="module")
def two_worlds():
    return worlds(load_or_train(TWO_WORLDS[0]))


@pytest.fixture(scope="module")
def switch():
    return circles(load_or_train(SharedUnits(8, 0)), scene="Switch", tasks=TASKS[:1])


@pytest.fixture(scope="module")
def knobs():
    return circles(load_or_train(SharedUnits(8, 0)), scene="Knobs")


@pytest.fixture(scope="module")
def several():
    networks = [load_or_train(one) for one in (SharedUnits(8, 0), SeeingDouble(x_cen=4.0))]
    settings = {"names": ["same", "crossing"], "circles": [TASKS, seeing_double(4.0)]}
    return circles(*networks, scene="Networks", **settings)


def evaluate(page, expression, argument=None):
    """Of `it`, what the figure plays."""
    text = f"(x) => {{ const it = document.querySelector('.live').live; return {expression}; }}"
    return page.evaluate(text, argument)


def until(page, text):
    page.wait_for_function("t => document.querySelector('.live-status').innerText === t", arg=text)


def press(page, how, name):
    button = page.get_by_role("button", name=name)
    if how == "keyboard":
        button.focus()
        page.keyboard.press("Enter")
    else:
        {"mouse": button.click, "touch": button.tap}[how]()


def slide(page, how, name, end=True):
    """To one end of a slider."""
    slider = page.get_by_role("slider", name=name)
    if how == "keyboard":
        slider.focus()
        page.keyboard.press("End" if end else "Home")
    else:
        slider.scroll_into_view_if_needed()
        box = slider.bounding_box()
        at = {"x": box["width"] - 1 if end else 1, "y": box["height"] / 2}
        {"mouse": slider.click, "touch": slider.tap}[how](position=at)
    assert slider.input_value() == slider.get_attribute("max" if end else "min")


def drag(page, how, points):
    """Across the canvas; points from -1 to 1, y upwards."""
    page.locator("canvas").scroll_into_view_if_needed()
    box = page.locator("canvas").bounding_box()
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    path = [
        (middle[0] + x * box["width"] / 2, middle[1] - y * box["height"] / 2) for x, y in points
    ]
    if how == "mouse":
        page.mouse.move(*path[0])
        page.mouse.down()
        for point in path:
            page.mouse.move(*point)
        page.mouse.up()
    else:
        session = page.context.new_cdp_session(page)
        kinds = ["touchStart"] + ["touchMove"] * (len(path) - 1)
        for kind, (x, y) in zip(kinds, path, strict=True):
            touch = {"type": kind, "touchPoints": [{"x": x, "y": y}]}
            session.send("Input.dispatchTouchEvent", touch)
        session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


@pytest.mark.parametrize("kind", KINDS.values())
def test_every_kind_of_network_steps_as_in_the_library(opened, kind):
    network, cue = small(kind), np.random.default_rng(1).normal(size=(1, 20, 2))
    expected = free_run(network, warm_up(network, cue), 50).outputs[0]
    outputs = opened(circles(network)).evaluate(RUN, [cue[0].tolist(), 50, 0])
    assert np.abs(outputs - expected).max() < 1e-12


def errors(page, html):
    """Largest differences from the library, in units of what is allowed: on circles 1e-9 for a
    thousand steps, in chaos 1e-6 for three Lyapunov times.
    """
    for which, network in enumerate(unpacked(html)):
        network = cast(network, "float64")
        flat = network.inputs == 2
        for task in TASKS if flat else WORLDS:
            if flat:
                cue, steps, allowed = cues(task, 42, 0.1, count=1), 1000, 1e-9
            else:
                exponent = reference_values(task.system)[0]["exponents"][0]
                cue, steps, allowed = task.orbits(1, 20), math.ceil(3 / exponent / task.dt), 1e-6
            expected = free_run(network, warm_up(network, cue), steps).outputs[0]
            outputs = page.evaluate(RUN, [cue[0].tolist(), steps, which])
            yield np.abs(outputs - expected).max() / allowed


@pytest.mark.parametrize("figure", ["two_circles", "several", "two_worlds"])
def test_networks_agree_with_the_library(opened, figure, request):
    figure = request.getfixturevalue(figure)
    assert max(errors(opened(figure), figure.html)) < 1


@pytest.mark.book
def test_networks_in_the_book_agree_with_the_library(browser, built):
    pages = {path: path.read_text(encoding="utf-8") for path in built.glob("html/**/*.html")}
    live_pages = {path: html for path, html in pages.items() if '<div class="live"' in html}
    where = {"welcome", "closing_the_loop", "seeing_double", "two_worlds", "bifurcations"}
    assert where == {path.stem for path in live_pages}
    for path, html in live_pages.items():
        page = browser.new_page()
        page.goto(path.as_uri())
        assert max(errors(page, html)) < 1, path
        page.close()


def test_laws_are_those_of_the_tasks(opened, two_worlds):
    page = opened(two_worlds)
    assert evaluate(page, "Object.keys(it.worlds).length") == len(WORLDS) == len(FLOWS)
    for k, task in enumerate(WORLDS):
        points = task.orbits(1, 50)[0]
        expected = task.orbits_from(points, 2)[:, 1]
        found = evaluate(page, f"x.map((at) => it.worlds[{k}].law.next(at))", points.tolist())
        assert np.abs(found - expected).max() < 1e-9
    assert f"const FLOWS = {{\n  {FLOWS[0]}" in (SCRIPTS / "engine.mjs").read_text()


@pytest.mark.parametrize("how", HOW)
def test_either_circle_is_asked_for(opened, two_circles, how):
    page = opened(two_circles)
    slide(page, how, "Speed")
    press(page, how, "Cue A")
    until(page, "Loop closed: circle A, anticlockwise.")
    press(page, how, "Cue B")
    until(page, "Loop closed: circle B, clockwise.")


@pytest.mark.parametrize("how", HOW)
def test_either_world_is_asked_for(opened, two_worlds, how):
    page = opened(two_worlds)
    slide(page, how, "Speed")
    press(page, how, "Cue: Halvorsen")
    until(page, "Loop closed: Halvorsen answers.")
    press(page, how, "Forget")
    press(page, how, "Cue: Lorenz")
    until(page, "Loop closed: Lorenz answers.")


@pytest.fixture(params=FIGURES)
def driven(request, opened):
    """A page with a live figure; and what is to be seen there."""
    return opened(request.getfixturevalue(request.param)), *FIGURES[request.param]


@pytest.mark.parametrize("how", HOW)
def test_a_cue_is_as_long_and_noisy_as_was_asked(driven, how):
    page, cue, _, length, longest, unit = driven
    evaluate(page, "void (it.go = () => {})")  # ask, and do not begin

    def given():
        press(page, how, cue)
        samples = evaluate(page, "it.queue")
        return len(samples), np.diff(samples, 2, axis=0).std()

    count, bend = given()
    assert count == length and bend < 0.2 * unit
    slide(page, how, "Cue length")
    slide(page, how, "Noise")
    count, bend = given()
    assert count == longest and bend == pytest.approx(math.sqrt(6) * unit, rel=0.25)


@pytest.mark.parametrize("how", HOW)
def test_a_kick_has_its_size_and_the_run_comes_back(driven, how):
    page, cue, answer, *_ = driven
    slide(page, how, "Speed")
    press(page, how, cue)
    until(page, answer)
    state = np.array(evaluate(page, "(it.go = () => {}, it.figure.pause(), [...it.loop.state])"))

    def kicked():
        evaluate(page, "void it.loop.state.set(x)", state.tolist())
        press(page, how, "Kick")
        moved = np.array(evaluate(page, "[...it.loop.state]")) - state
        return np.linalg.norm(moved) / np.linalg.norm(state)

    assert kicked() == pytest.approx(0.1, rel=0.5)
    evaluate(page, "void (it.rest(), it.steps(10 * it.turn), it.figure.redraw())")
    until(page, answer)
    slide(page, how, "Kick size")
    assert kicked() == pytest.approx(2, rel=0.5)


@pytest.mark.parametrize("how", HOW)
def test_forgetting_empties_the_state(driven, how):
    page, cue, *_ = driven
    press(page, how, cue)
    page.wait_for_function("document.querySelector('.live').live.driven > 5")
    evaluate(page, "void (it.go = () => {}, it.figure.pause())")
    assert evaluate(page, "it.loop.state.some((x) => x !== 0)")
    press(page, how, "Forget")
    assert evaluate(page, "it.loop.state.every((x) => x === 0) && !it.queue.length")


@pytest.mark.parametrize("how", HOW)
def test_running_and_pausing_and_how_fast(driven, how):
    page, *_ = driven
    press(page, how, "Run")
    page.wait_for_function("document.querySelector('.live').live.alone > 5")
    press(page, how, "Pause")
    seen = evaluate(page, "it.alone")
    page.wait_for_timeout(200)
    assert evaluate(page, "it.alone") == seen
    for end, turns in ((False, 1 / 8), (True, 64)):
        slide(page, how, "Speed", end)
        before = evaluate(page, "(it.due = 0, it.alone)")
        evaluate(page, "it.advance(1)")
        assert evaluate(page, "it.alone - x", before) == evaluate(
            page, f"Math.floor({turns} * it.turn)"
        )


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize(("way", "verdict"), [(1, "A, anti"), (-1, "B, ")])
def test_a_drawn_cue_closes_the_loop_when_the_pen_is_lifted(opened, two_circles, how, way, verdict):
    page = opened(two_circles, width=390)
    slide(page, "keyboard", "Speed")
    if how == "keyboard":
        page.locator("canvas").focus()
        for _ in range(45):
            page.keyboard.down("ArrowLeft" if way > 0 else "ArrowRight")
        far = evaluate(page, "it.trail.map(({ at }) => Math.hypot(...at))")
        assert np.allclose(far, 5, atol=0.3)
    else:
        angles = np.linspace(0, way * 4.5, 60)
        drag(page, how, 2 / 3 * np.stack([np.cos(angles), np.sin(angles)], axis=1))
    if how == "keyboard":
        until(page, "Driven by your pen.")
        page.keyboard.up("ArrowLeft" if way > 0 else "ArrowRight")
    until(page, f"Loop closed: circle {verdict}clockwise.")
    assert 40 <= evaluate(page, "it.driven") <= 46


@pytest.mark.parametrize("how", HOW)
def test_the_switch_closes_the_loop_and_opens_it(opened, switch, how):
    page = opened(switch)
    assert not page.get_by_role("slider", name="Cue length").count()
    slide(page, how, "Speed")
    press(page, how, "Run")
    until(page, "Loop open: the data are the input.")
    page.wait_for_function("document.querySelector('.live').live.driven > 200")
    assert "Output off the data by 0." in page.locator(".live-note").inner_text()
    assert evaluate(page, "it.alone") == 0
    press(page, how, "Close the loop")
    until(page, "Loop closed: circle A, anticlockwise.")
    press(page, how, "Open the loop")
    until(page, "Loop open: the data are the input.")
    page.wait_for_function("document.querySelector('.live').live.driven > 200")
    assert np.allclose(evaluate(page, "it.trail.map(({ at }) => Math.hypot(...at))"), 5)
    slide(page, how, "Noise")
    page.wait_for_timeout(200)
    assert np.std(evaluate(page, "it.trail.slice(-50).map(({ at }) => Math.hypot(...at))")) > 1


@pytest.mark.parametrize("how", HOW)
def test_knobs_change_the_weights_and_a_circle_dies(opened, knobs, how):
    network, page = cast(load_or_train(SharedUnits(8, 0)), "float64"), opened(knobs)
    slide(page, how, "Speed")
    press(page, how, "Cue A")
    until(page, "Loop closed: circle A, anticlockwise.")
    slide(page, how, "Gain", end=False)
    until(page, "Loop closed: neither circle.")
    evaluate(page, "void ((it.gain.input.value = 0.7), it.turned())")  # rest, but no end of it
    until(page, "Loop closed: neither circle.")
    slide(page, how, "Gain", end=False)
    slide(page, how, "Forget bias")
    changed = shift_forget_bias(scale_recurrence(network, 0.5), 2)
    for name, weight in changed.weights().items():
        found = evaluate(page, f"[...it.loop.network.{name}]")
        assert np.allclose(found, np.ravel(weight), rtol=0, atol=1e-15), name


@pytest.mark.parametrize("how", HOW)
def test_another_network_comes_with_its_own_circles(opened, several, how):
    page = opened(several)
    slide(page, how, "Speed")
    press(page, how, "Cue A")
    until(page, "Loop closed: circle A, anticlockwise.")
    slide(page, how, "Network")
    until(page, "At rest: the state is zero.")
    expected = np.ravel(load_or_train(SeeingDouble(x_cen=4.0)).kernel)
    assert np.array_equal(evaluate(page, "[...it.loop.network.kernel]"), expected)
    press(page, how, "Cue A")
    until(page, "Loop closed: circle A, anticlockwise.")
    middle = evaluate(page, "it.trail.map(({ at }) => at)")
    assert np.allclose(np.ptp(middle, axis=0) / 2 + np.min(middle, axis=0), [4, 0], atol=0.5)


@pytest.mark.parametrize("how", HOW)
def test_space_is_turned(opened, two_worlds, how):
    page = opened(two_worlds, width=390)
    yaw, pitch = evaluate(page, "[it.view.yaw, it.view.pitch]")
    if how == "keyboard":
        for key in ("ArrowRight", "ArrowUp"):
            page.locator("canvas").press(key)
    else:
        points = [(x, 0) for x in np.linspace(0, 0.5, 10)]
        drag(page, how, points)
        if how == "mouse":
            drag(page, how, [(0, 0), (0, 0.3)])
    later = evaluate(page, "[it.view.yaw, it.view.pitch]")
    assert later[0] < yaw - 0.05
    assert how == "touch" or later[1] < pitch  # a finger that moves up scrolls the page
    slide(page, how, "View from")
    assert evaluate(page, "it.view.yaw") == pytest.approx(math.pi)


def test_the_keyboard_reaches_all_in_the_order_of_the_page(opened, two_worlds):
    page = opened(two_worlds)
    names = []
    for _ in range(11):
        page.keyboard.press("Tab")
        names.append(
            page.evaluate(
                "(({ ariaLabel, innerText, labels }) => ariaLabel || innerText ||"
                " labels[0].firstChild.innerText)(document.activeElement)"
            )
        )
    buttons = ["Cue: Lorenz", "Cue: Halvorsen", "Run", "Kick", "Forget"]
    assert names == [ALT, *buttons, "Cue length", "Noise", "Kick size", "Speed", "View from"]


@pytest.mark.parametrize("figure", FRAMES)
def test_nothing_moves_before_the_reader_asks_or_out_of_sight(opened, figure, request):
    page = opened(request.getfixturevalue(figure), below='<p style="height: 3000px">Below.</p>')
    page.wait_for_timeout(100)
    still = page.locator("canvas").screenshot()
    page.wait_for_timeout(200)
    assert page.locator("canvas").screenshot() == still
    press(page, "keyboard", "Run")
    moved = "(({ driven, alone }) => driven + alone)(document.querySelector('.live').live)"
    page.wait_for_function(f"{moved} > 5")
    page.evaluate("scrollTo(0, 2000)")
    page.wait_for_timeout(200)
    asleep = page.evaluate(moved)
    page.wait_for_timeout(200)
    assert page.evaluate(moved) == asleep
    page.evaluate("scrollTo(0, 0)")
    page.wait_for_function(f"n => {moved} > n", arg=asleep)


def test_who_wants_no_motion_sees_where_it_leads(opened, two_circles):
    page = opened(two_circles, reduced_motion="reduce")
    press(page, "mouse", "Cue A")
    until(page, "Loop closed: circle A, anticlockwise.")
    seen, picture = evaluate(page, "it.alone"), page.locator("canvas").screenshot()
    page.wait_for_timeout(200)
    assert evaluate(page, "it.alone") == seen == 3 * 63
    assert page.locator("canvas").screenshot() == picture
    press(page, "mouse", "3 turns more")
    assert evaluate(page, "it.alone") == 6 * 63
    assert not page.get_by_role("slider", name="Speed").is_visible()


def test_paper_and_pages_without_scripts_have_the_still(opened, two_circles):
    page = opened(two_circles)
    assert not page.get_by_role("img").is_visible()
    page.emulate_media(media="print")
    assert page.get_by_role("img", name=ALT).is_visible()
    assert not page.locator("canvas").is_visible()
    plain = opened(two_circles, java_script_enabled=False)
    assert plain.get_by_role("img", name=ALT).is_visible()


def test_canvases_are_sharp_and_follow_the_theme(opened, two_circles):
    page = opened(two_circles, device_scale_factor=2)
    page.wait_for_function("document.querySelector('canvas').width > 300")
    assert (
        page.evaluate("(c => c.width - 2 * c.clientWidth)(document.querySelector('canvas'))") == 0
    )
    light = page.locator("canvas").screenshot()
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    page.wait_for_timeout(100)
    assert page.locator("canvas").screenshot() != light
    assert evaluate(page, "it.view.colour('faint')") == "#444"


@pytest.mark.parametrize("figure", FRAMES)
@pytest.mark.parametrize("width", [PHONE, DESKTOP])
def test_figures_fit_and_keep_the_rules_of_accessibility(opened, figure, width, request):
    page = opened(request.getfixturevalue(figure), width, reduced_motion="reduce")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for theme in ("light", "dark"):
        page.evaluate("theme => { document.documentElement.dataset.theme = theme }", theme)
        rules = {"runOnly": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa", "best-practice"]}
        found = Axe().run(page, options=rules).response["violations"]
        assert [(rule["id"], [node["target"] for node in rule["nodes"]]) for rule in found] == []


#: Work of frames: at full speed, sixty in a second; after a pause; of a whole answer at once.
WORK = {
    "frame": (100, "advance(1 / 60)"),
    "late": (5, "advance(0.1)"),
    "answer": (5, "steps(it.calm)"),
}


def milliseconds(page):
    """What computing and drawing takes the page's thread: its own time, not that of others."""
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})

    def now():
        metrics = session.send("Performance.getMetrics")["metrics"]
        return next(1e3 * one["value"] for one in metrics if one["name"] == "TaskDuration")

    evaluate(page, "void (it.speed.input.value = it.speed.input.max, it.advance(1))")
    for name, (count, work) in WORK.items():
        begin = now()
        evaluate(page, f"void Array.from({{ length: {count} }}, () => (it.{work}, it.draw()))")
        yield name, (now() - begin) / count


@pytest.mark.slow
@pytest.mark.parametrize(("figure", "most"), FRAMES.items())
def test_frames_are_quick_and_figures_light(opened, figure, most, request):
    figure = request.getfixturevalue(figure)
    assert len(figure.html.encode()) < 1.5e6
    page = opened(figure)
    page.locator("canvas").scroll_into_view_if_needed()
    page.wait_for_timeout(200)
    took = dict(milliseconds(page))
    assert took["frame"] <= most and took["late"] <= 100 and took["answer"] <= 100


@pytest.mark.slow
def test_scripts_keep_the_rules_of_eslint():
    if shutil.which("npm") is None:
        missing = "no npm: Node.js is not installed, so the scripts of live figures are not linted"
        (pytest.fail if os.environ.get("MFLIB_REQUIRE_NODE") else pytest.skip)(missing)
    done = subprocess.run(["make", "scripts"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
