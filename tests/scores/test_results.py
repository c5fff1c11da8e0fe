"""Results read back: what `dir evaluate` wrote comes back whole, and whatever else is refused with its reason."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import PROJECT, Run

from dircli.errors import InputError
from dircli.scores import results

HINT = "Give a file that `dir evaluate --format json` wrote"
SCORES: dict[str, Any] = {"n": 1, "mae": 1.0, "pearson": None, "ci": {"mae": [0.5, 1.5]}}
WHOLE: dict[str, Any] = {
    "signature": "dir|x|test|released|sha256:1a2b3c4d|rules:5e6f7a8b|n:1|s:1|v:0.2.0",
    "dataset": "x",
    "split": "test",
    "protocol": "released",
    "content": "sha256:1a2b3c4d",
    "rules": "sha256:5e6f7a8b",
    "scoring": 1,
    "systems": [{"name": "a", "regions": {"all": SCORES}}],
}


def with_scores(**scores: Any) -> dict[str, Any]:
    """The result with two systems, the second of which has these scores."""
    second = {"name": "b", "regions": {"all": SCORES, "few": scores}}
    return WHOLE | {"systems": [*WHOLE["systems"], second]}


def test_what_evaluate_wrote_is_read_back_whole(run: Run, work: Path) -> None:
    (work / "p.csv").write_text("target,prediction\n30,31\n111,90\n")
    words = ["evaluate", "p.csv", "--bins", PROJECT / "manifests" / "agedb" / "bins.parquet"]
    printed = run(*words, "--format", "json").stdout
    run(*words, "--output", "r.json")
    assert results.read(work / "r.json").as_json() == json.loads(printed)


def test_keys_that_are_not_known_are_kept(work: Path) -> None:
    whole = WHOLE | {"more": 1}
    (work / "r.json").write_text(json.dumps(whole))
    assert results.read(work / "r.json").as_json() == whole


def test_what_is_not_known_in_a_system_is_passed_over(work: Path) -> None:
    """A metric of another version is no score here; intervals and sizes may look like anything."""
    scores = {"n": 1, "mae": 2, "of-tomorrow": "x", "ci": 3}
    written = WHOLE | {"systems": [{"name": "a", "colour": 1, "regions": {"all": scores}}], "comparison": []}
    (work / "r.json").write_text(json.dumps(written))
    result = results.read(work / "r.json")
    assert (result.metrics, result.regions) == (["mae"], ["all"])
    assert (result.signature, result.comparison) == (WHOLE["signature"], None)
    assert [result.systems[0].score("all", name) for name in ("n", "mae", "gm")] == [1, 2, None]
    assert result.systems[0].score("few", "mae") is None


def test_a_signature_follows_from_the_other_fields_unless_one_is_stated() -> None:
    result = replace(results.Result.from_json(WHOLE | {"version": "0.2.0"}, "made up"), stated=None)
    assert result.signature == WHOLE["signature"]
    drawn = replace(result, drawn="ci:bca,bin,100,1")
    assert drawn.signature == f"{WHOLE['signature']}|ci:bca,bin,100,1"
    assert drawn.as_json() == result.as_json() | {"signature": drawn.signature}


NO_SCORES = "has no name, or no numbers as scores by region"
BROKEN: dict[str, tuple[object, str]] = {
    "empty": (b"", "this is no JSON (Expecting value"),
    "cut off": (json.dumps(WHOLE).encode()[:-20], "this is no JSON ("),
    "no text": (b"\xff\xfe\xfd", "this is no JSON ("),
    "nested too deep": (b"[" * 100_000, "this is no JSON ("),
    "a list": ([WHOLE], "this is no JSON object"),
    "a number": (1, "this is no JSON object"),
    "something else": ({"id": 1}, "there is no signature and no dataset and no split and no protocol and no content"),
    "no systems": ({key: value for key, value in WHOLE.items() if key != "systems"}, "there is no systems"),
    "systems are no list": (WHOLE | {"systems": {}}, "there is no systems"),
    "the signature is no text": (WHOLE | {"signature": 1}, "there is no signature"),
    "a system is no object": (WHOLE | {"systems": ["a"]}, f"system 1 {NO_SCORES}"),
    "a system has no name": (WHOLE | {"systems": [{"regions": {"all": SCORES}}]}, f"system 1 {NO_SCORES}"),
    "a name is no text": (WHOLE | {"systems": [{"name": 1, "regions": {"all": SCORES}}]}, f"system 1 {NO_SCORES}"),
    "no regions": (WHOLE | {"systems": [*WHOLE["systems"], {"name": "a"}]}, f"system 2 {NO_SCORES}"),
    "regions are a list": (WHOLE | {"systems": [{"name": "a", "regions": [SCORES]}]}, f"system 1 {NO_SCORES}"),
    "no region all": (WHOLE | {"systems": [{"name": "a", "regions": {"few": SCORES}}]}, f"system 1 {NO_SCORES}"),
    "a region is a number": (WHOLE | {"systems": [{"name": "a", "regions": {"all": 1}}]}, f"system 1 {NO_SCORES}"),
    "a score is text": (with_scores(mae="1.0"), f"system 2 {NO_SCORES}"),
    "a score is a list": (with_scores(gm=[1.0]), f"system 2 {NO_SCORES}"),
    "a score is true": (with_scores(n=True), f"system 2 {NO_SCORES}"),
    "a score is NaN": (with_scores(mae=float("nan")), f"system 2 {NO_SCORES}"),
    "a score is infinite": (json.dumps(with_scores(mae=7)).replace("7}", "1e999}").encode(), f"system 2 {NO_SCORES}"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_is_no_result_is_refused_with_its_reason(case: str, work: Path) -> None:
    content, says = BROKEN[case]
    (work / "r.json").write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    with pytest.raises(InputError) as caught:
        results.read(Path("r.json"))
    (line,) = str(caught.value).splitlines()
    assert line.startswith("r.json: ")
    assert line.endswith(HINT)
    assert says in line


def test_a_result_that_is_not_there_is_named(work: Path) -> None:
    (work / "folder").mkdir()
    for name, says in (("none.json", "there is no such file"), ("folder", "this is a folder")):
        with pytest.raises(InputError, match=f"{name}: {says}.*Give a file"):
            results.read(Path(name))
