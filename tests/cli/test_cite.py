"""Citations as BibTeX: of this program and its paper, and of a dataset with them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
import yaml
from conftest import PROJECT

from dircli import __version__, datasets

if TYPE_CHECKING:
    from conftest import Run


def entries(text: str) -> dict[str, dict[str, str]]:
    """The fields of each entry by its key, as far as they are written one per line."""
    return {
        key: dict(re.findall(r"^ +(\w+) += \{(.*?)\},?$", body, re.MULTILINE | re.DOTALL))
        for key, body in re.findall(r"^@\w+\{(\S+),\n(.*?)^\}$", text, re.MULTILINE | re.DOTALL)
    }


def plain(text: str) -> str:
    return " ".join(re.sub(r"[{}]", "", text).split())


def test_the_program_cites_itself_and_the_paper_as_its_citation_file_does(run: Run) -> None:
    stated = yaml.safe_load((PROJECT / "CITATION.cff").read_text(encoding="utf-8"))
    found = entries(run("--cite").stdout)
    assert [*found] == ["dircli", "yang2021delving"]
    own, paper = found.values()
    assert plain(own["title"]) == stated["title"]
    assert plain(own["author"]) == stated["authors"][0]["name"]
    assert plain(own["version"]) == stated["version"] == __version__
    (reference,) = stated["references"]
    assert plain(paper["title"]) == reference["title"]
    assert plain(paper["year"]) == str(reference["year"])
    assert plain(paper["url"]) == reference["url"]
    assert plain(paper["booktitle"]) == reference["collection-title"]
    names = [f"{each['family-names']}, {each['given-names']}" for each in reference["authors"]]
    assert plain(paper["author"]).split(" and ") == names


@pytest.mark.parametrize("name", datasets.NAMES)
def test_a_dataset_is_cited_with_both(name: str, run: Run) -> None:
    cited = run("info", name, "--cite").stdout
    assert cited == run("--cite").stdout + "\n" + run("info", name, "--bibtex").stdout
    assert len(entries(cited)) == 3
    assert run("info", name, "--cite", "--json", code=2).stderr == "dir: --cite prints BibTeX; leave out --json\n"


def test_a_table_of_ones_own_has_no_citation_but_these_two(work: object, run: Run) -> None:
    from pathlib import Path

    Path("own.csv").write_text("\n".join(["y", *(str(row % 80) for row in range(400)), ""]))
    run("curate", "custom", "--table", "own.csv", "--target", "y", "--bin-width", 10)
    assert run("info", "own", "--cite").stdout == run("--cite").stdout
    assert work
