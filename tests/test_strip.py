"""Notebooks lose what running them left there, and nothing else."""

import nbformat

from tools.strip import main


def notebook():
    cells = [
        nbformat.v4.new_markdown_cell("# Title", id="title"),
        nbformat.v4.new_code_cell("1 + 1", id="sum", metadata={"tags": ["hide-input"]}),
    ]
    return nbformat.v4.new_notebook(
        cells=cells,
        metadata={
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
    )


def test_what_a_run_left_goes_and_the_rest_stays(tmp_path, capsys):
    clean, run = tmp_path / "clean.ipynb", tmp_path / "run.ipynb"
    clean.write_text(nbformat.writes(notebook()) + "\n", encoding="utf-8")
    executed = notebook()
    cell = executed.cells[1]
    cell.outputs = [nbformat.v4.new_output("stream", text="2")]
    cell.execution_count = 3
    cell.metadata |= {"execution": {"iopub.execute_input": "now"}, "scrolled": True}
    executed.metadata.language_info["version"] = "3.11.7"
    run.write_text(nbformat.writes(executed), encoding="utf-8")

    assert main([str(clean), str(run)]) == 1
    assert capsys.readouterr().out == f"{run}: stripped\n"
    assert run.read_text(encoding="utf-8") == clean.read_text(encoding="utf-8")
    assert main([str(clean), str(run)]) == 0
