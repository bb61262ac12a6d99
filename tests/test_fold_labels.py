"""A fold says what its code is for; cells that show nothing are in the fold of the next."""

from docutils import nodes
from docutils.utils import new_document

from _ext import fold_labels

NUMBERS, FORM = {"fig-one": (6, 2)}, "Fig. %s"


def cell(code, *outputs, hide="input"):
    """A cell as myst-nb makes it."""
    source = nodes.container("", nodes.literal_block("", code), nb_element="cell_code_source")
    made = nodes.container("", source, nb_element="cell_code", hide_mode=hide)
    if outputs:
        made += nodes.container("", *outputs, nb_element="cell_code_output")
    return made


def label(*outputs):
    return fold_labels.label(cell("code", *outputs), NUMBERS, FORM)


def joined(*content):
    """The code of the cells that are left."""
    document = new_document("page")
    document += nodes.section("", *content)
    for one in fold_labels.folded_cells(document):
        fold_labels.join_next(one)
    return [
        [block.astext() for block in one.findall(nodes.literal_block)]
        for one in document[0]
        if isinstance(one, nodes.container)
    ]


def test_a_fold_is_named_after_what_its_code_makes():
    assert label(nodes.figure("", ids=["fig-one"])) == "Code for Fig. 6.2"
    assert label(nodes.raw("", '<div><table class="tall">', format="html")) == (
        "Code for the table below"
    )
    assert label(nodes.container("", nodes.table())) == "Code for the table below"
    assert label(nodes.paragraph("", "12 of 12")) == label() == "Code"
    assert label(nodes.figure("", ids=["without-number"])) == "Code"


def test_cells_that_show_nothing_are_in_the_fold_of_the_next():
    result = nodes.paragraph("", "result")
    assert joined(cell("a"), cell("b"), cell("c", result)) == [["a", "b", "c"]]
    assert joined(cell("a", result), cell("b")) == [["a"], ["b"]]


def test_text_and_shown_code_stay_between():
    shown = cell("b", hide=None)
    assert joined(cell("a"), shown, cell("c")) == [["a"], ["b"], ["c"]]
    assert joined(cell("a"), nodes.paragraph("", "text"), cell("c")) == [["a"], ["c"]]
