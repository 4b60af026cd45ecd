"""The README's lines and the notebook run."""

import re
import subprocess
import sys

import nbformat
import pytest
from nbclient import NotebookClient


def test_the_readmes_lines_run(root, tmp_path):
    code = re.search(r"```python\n(.*?)```", (root / "README.md").read_text(), re.S)[1]
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"new.mid", "mixed.mid"}
    assert "controlgen.Style" in done.stdout


@pytest.mark.filterwarnings("ignore")
def test_the_notebook_runs(root, tmp_path):
    notebook = nbformat.read(root / "examples" / "controlgen.ipynb", as_version=4)
    nbformat.validate(notebook)
    NotebookClient(notebook, timeout=600, resources={"metadata": {"path": tmp_path}}).execute()
    # It is kept without outputs, which would be of another version.
    assert all(not cell.get("outputs") for cell in nbformat.read(
        root / "examples" / "controlgen.ipynb", as_version=4
    ).cells)
