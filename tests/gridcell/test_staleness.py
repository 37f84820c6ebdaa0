"""Results that other code or other inputs made: noticed, said, made again with all that came of them."""

import json
from pathlib import Path

import pytest

from edited_chain import FILES
from gridcell import fingerprint, plugins
from gridcell.cli.cells import compare
from gridcell.digest import digest_of, digest_of_bytes, earlier_digest_of
from gridcell.errors import UserError
from gridcell.fingerprint import Codes
from gridcell.grid import GridBuilder
from gridcell.staleness import find_stale
from gridcell.suite import load_suite
from gridcell.task import find_task, task_names


def test_nothing_is_stale_after_a_run_or_an_edit_of_words(chain):
    assert chain.run() == ({"first": 1, "second": 10, "beside": 1}, {"first", "second", "beside"})
    assert chain.stale() == {}
    chain.edit("chain_shared.py", "ONE = 1", '"""A docstring."""\n\n# a comment\nONE = (\n    1\n)')
    chain.edit(
        "chain_second.py", "def run(cell, context):\n", 'def run(cell, context):\n    """Say more."""\n'
    )
    assert chain.stale() == {}
    assert chain.run()[1] == set()


def test_an_edit_concerns_what_imports_it_and_what_was_made_from_that(chain):
    chain.run()
    chain.edit("chain_shared.py", "1", "2")
    assert chain.stale() == {
        "first": "by other code: chain_shared changed since",
        "second": "from results that are stale",
        "beside": "by other code: chain_shared changed since",
    }
    assert chain.run() == ({"first": 1, "second": 10, "beside": 1}, set())  # kept
    assert chain.run(rerun=True) == ({"first": 2, "second": 20, "beside": 2}, {"first", "second", "beside"})
    assert chain.stale() == {}


def test_an_edit_of_one_cells_module_concerns_that_cell_alone(chain):
    chain.run()
    chain.edit("chain_second.py", "10 *", "100 *")
    assert chain.stale() == {"second": "by other code: chain_second changed since"}
    assert chain.run(rerun=True) == ({"first": 1, "second": 100, "beside": 1}, {"second"})


EDITS_ITS_SUCCESSOR = """
from pathlib import Path

import chain_beside
import chain_second
import chain_shared


def run(cell, context):
    for module in (chain_second, chain_shared):
        path = Path(module.__file__)
        path.write_text(path.read_text().replace("1", "2"))
    return {"x": 1}
"""


def test_an_edit_while_the_grid_runs_is_not_taken_for_the_code_that_ran(chain):
    """What this process imported stays as it was, and so do the results that it makes."""
    (chain.folder / "chain_first.py").write_text(EDITS_ITS_SUCCESSOR)
    assert chain.run() == (
        {"first": 1, "second": 10, "beside": 1},
        {"first", "second", "beside"},
    )
    stale = chain.stale()
    assert stale["second"] == "by other code: chain_second changed since"
    assert stale["beside"] == "by other code: chain_shared changed since"


def test_the_code_of_a_plugin_that_another_process_sent_is_what_was_sent(chain):
    """The file itself may be on another machine, or edited since."""
    path = chain.folder / "method_of_test.py"
    path.write_text(METHOD)
    (sent,) = [each for each in (plugins.load([path]), plugins.to_send())[1] if each.path == str(path)]
    plugins.forget()
    path.unlink()
    plugins.receive([sent])
    assert digest_of(plugins.here(path)) == hashed(METHOD, chain.folder)
    assert plugins.here(chain.folder / "other.py") == chain.folder / "other.py"


def test_a_task_in_a_file_is_sent_with_the_files_whose_functions_it_names(chain):
    (plugin,) = plugins.load([chain.folder / "chain_of_test.py"])
    assert sorted(plugin.files) == sorted(set(FILES) - {"mini.yaml"})
    plugin_again = plugins.load([plugin.path])[0]
    assert plugin_again.module is plugin.module
    (sent,) = plugins.to_send()
    plugins.forget()
    plugins.receive([sent])
    assert [each.module.__name__ for each in plugins.loaded()] == [plugin.module.__name__]
    assert plugins.to_send() == (sent,)


def hashed(text, folder):
    (folder / "hashed.py").write_text(text)
    return digest_of(folder / "hashed.py")


def test_what_was_replaced_is_kept_beside(chain):
    chain.run()
    chain.edit("chain_beside.py", "ONE}", "ONE + 4}")
    chain.run(rerun=True)
    _, grid, _ = chain._begin()
    (beside,) = [cell.id for cell in grid.cells.values() if cell.title == "beside"]
    (before,) = chain.store.results.superseded(beside)
    assert before.metrics == {"x": 1}
    assert chain.store.results.read(beside).metrics == {"x": 5}


def test_a_need_that_was_made_again_with_another_answer_is_noticed(chain):
    chain.run()
    _, grid, _ = chain._begin()
    (first,) = [cell for cell in grid.cells.values() if cell.title == "first"]
    stored = chain.store.results.read(first.id)
    chain.store.results.commit(
        first, {"x": 100}, chain.folder / "none", stored.provenance, replaces=stored.stamp
    )
    assert chain.stale() == {"second": "from another result of 'first' than is there now"}
    assert chain.run(rerun=True) == ({"first": 100, "second": 1000, "beside": 1}, {"second"})


def test_a_record_that_another_driver_replaced_meanwhile_stays(chain):
    chain.run()
    _, grid, _ = chain._begin()
    (first,) = [cell for cell in grid.cells.values() if cell.title == "first"]
    stored = chain.store.results.read(first.id)
    outputs = chain.folder / "none"
    one = chain.store.results.commit(first, {"x": 2}, outputs, stored.provenance, replaces=stored.stamp)
    two = chain.store.results.commit(first, {"x": 3}, outputs, stored.provenance, replaces=stored.stamp)
    assert one.metrics == two.metrics == chain.store.results.read(first.id).metrics == {"x": 2}


def test_results_without_a_fingerprint_count_as_current_and_are_said(chain):
    chain.run()
    task, grid, _ = chain._begin()
    for path in (Path(chain.store.uri) / "results").iterdir():
        result = chain.store.results.read(path.stem)
        provenance = {key: value for key, value in result.provenance.items() if key not in ("code", "inputs")}
        path.unlink()
        chain.store.results.commit(result.cell, result.metrics, chain.folder / "none", provenance)
    results, _ = chain.store.results.read_many(grid.cells)
    stale = find_stale(task, grid, chain.store, results)
    assert stale.reasons == {}
    assert stale.sentences() == ["3 results don't say by which code they were made: they count as current"]


def test_code_that_is_edited_elsewhere_is_told(chain, tmp_path, monkeypatch):
    """As a library of the lab's own, installed by ``pip install -e``."""
    (tmp_path / "library").mkdir()
    (tmp_path / "library" / "lab_of_test.py").write_text("TEN = 10\n")
    monkeypatch.syspath_prepend(str(tmp_path / "library"))
    chain.edit("chain_second.py", "def run", "import numpy\nfrom lab_of_test import TEN\n\n\ndef run")
    told = ["edits of 'lab_of_test' are not noticed: imported from outside the folder of the code"]
    _, _, stale = chain._begin()
    assert stale.sentences() == told  # before anything is run
    chain.run()
    _, _, stale = chain._begin()
    assert stale.sentences() == told
    assert not stale.reasons


def test_a_file_that_is_read_from_the_working_folder_is_told(chain, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "factors.json").write_text("[10]")
    chain.edit(
        "chain_second.py",
        "return {'x': 10",
        "import json\n    return {'x': json.load(open('factors.json'))[0]",
    )
    _, _, stale = chain._begin()
    (told,) = stale.sentences()
    assert told.startswith("edits of 'factors.json' are not noticed: read by a path that does not start from")
    assert chain.run()[0]["second"] == 10
    (tmp_path / "factors.json").write_text("[20]")
    _, _, stale = chain._begin()
    assert (stale.sentences(), not stale.reasons) == ([told], True)


def test_a_file_that_is_read_from_beside_the_folder_of_the_code_is_told(chain, tmp_path):
    (chain.folder.parent / "factors.json").write_text("[10]")
    chain.edit(
        "chain_second.py",
        "return {'x': 10",
        "from pathlib import Path\n    import json\n    file = Path(__file__).parents[1] / 'factors.json'\n"
        "    return {'x': json.loads(file.read_text())[0]",
    )
    assert chain.run()[0]["second"] == 10
    _, _, stale = chain._begin()
    (told,) = stale.sentences()
    place = (chain.folder.parent / "factors.json").resolve()
    assert told == f"edits of '{place}' are not noticed: read from outside the folder of the code"


def test_a_file_that_has_another_name_and_the_same_text_is_not_stale(chain):
    chain.run()
    (chain.folder / "chain_second.py").rename(chain.folder / "chain_last.py")
    chain.edit("chain_of_test.py", "chain_second:run", "chain_last:run")
    assert chain.stale() == {}
    chain.edit("chain_last.py", "10 *", "100 *")
    assert chain.stale() == {"second": "by other code: chain_last, chain_second changed since"}


def test_records_of_the_rule_that_counted_texts_below_attributes_are_read_by_it(chain):
    """Whatever else their rule counted: what only types need is not run."""
    chain.edit("chain_shared.py", "ONE = 1", "ONE = 1\n'''What is counted.'''\nTWO = 2")
    chain.run()
    _, grid, _ = chain._begin()
    earlier = earlier_digest_of(chain.folder / "chain_shared.py")
    assert earlier != digest_of(chain.folder / "chain_shared.py")
    for cell in grid.cells.values():
        stored = chain.store.results.read(cell.id)
        (code,) = chain.store.codes.read([stored.provenance["code"]]).values()
        assert code["rule"] == 3  # a store's format: another number reads all older records by their own rule
        files = {**code["files"], "chain_typing": "0" * 16}
        if "chain_shared" in files:
            files["chain_shared"] = earlier
        chain.store.codes.save(f"earlier-{cell.title}", {**code, "files": files, "rule": 2})
        provenance = {**stored.provenance, "code": f"earlier-{cell.title}"}
        chain.store.results.commit(
            cell, stored.metrics, chain.folder / "none", provenance, replaces=stored.stamp
        )
    assert chain.stale() == {}
    chain.edit("chain_shared.py", "TWO = 2", "TWO = 3")
    assert chain.stale()["beside"] == "by other code: chain_shared changed since"


def test_both_rules_read_what_python_says_and_of_other_files_the_bytes(tmp_path):
    plain, told, compiled = (tmp_path / name for name in ("plain.py", "told.py", "compiled.so"))
    plain.write_text("ONE = 1\n")
    told.write_text("ONE = 1  # what is counted\n")
    compiled.write_bytes(b"\x7fELF")
    for rule in (digest_of, earlier_digest_of):
        assert rule(plain) == rule(told)
        assert rule(compiled) == digest_of_bytes(b"\x7fELF")


def test_checkpoints_of_other_code_are_set_aside(store, tmp_path, caplog):
    (tmp_path / "state").write_text("old")
    store.checkpoints("c", "old").save(tmp_path / "state", 5)
    assert store.checkpoints("c", "old").latest(tmp_path).read_text() == "old"
    assert store.checkpoints("c", "new").latest(tmp_path) is None
    assert "set aside" in caplog.text
    assert store.checkpoints("c", "old").latest(tmp_path) is None
    store.checkpoints("c").save(tmp_path / "state", 6)  # as earlier versions wrote them
    assert store.checkpoints("c", "new").latest(tmp_path).read_text() == "old"


def test_a_result_says_what_it_was_made_of(chain):
    chain.run()
    _, grid, _ = chain._begin()
    (second,) = [cell for cell in grid.cells.values() if cell.title == "second"]
    provenance = chain.store.results.read(second.id).provenance
    first = chain.store.results.read(second.needs["first"])
    assert provenance["inputs"] == {"first": first.content}
    assert set(chain.store.codes.read([provenance["code"]])[provenance["code"]]["files"]) == {"chain_second"}
    assert provenance["machine"]["cpu"]
    json.dumps(dict(provenance))


def test_two_results_are_compared_without_their_times(chain):
    chain.run()
    _, grid, _ = chain._begin()
    (second,) = [cell for cell in grid.cells.values() if cell.title == "second"]
    before = chain.store.results.read(second.id)
    after = type(before)(second, {"x": 11, "seconds": 9.0}, {}, {})
    assert compare(before, after, ["*seconds*"]) == ["NOT the same: x was 10, is 11"]
    assert compare(before, before, []) == []


@pytest.mark.parametrize(
    ("one", "two", "same"),
    [
        ("x = 'a'", 'x = "a"', True),
        ("f(1, 2)", "f(\n    1,\n    2,\n)", True),
        ("def f():\n    '''doc'''\n    return 1", "def f():\n    # why\n    return 1", True),
        ("class A:\n    'doc'\n    x = 1", "class A:\n    x = 1", True),
        ("x = 1\n'doc of x'\ny = 2", 'x = 1\n"""Other words."""\ny = 2', True),
        ("class A:\n    x: int = 1\n    'doc of x'", "class A:\n    x: int = 1", True),
        ("if x:\n    'why'\n    y = 1", "if x:\n    y = 1", True),
        ("x = 1", "x = 2", False),
        ("x = 1", "x = 1.0", False),
        ("x = 1", "x = True", False),
        ("x = 'a'", "x = b'a'", False),
        ("f(1)", "f(1, 2)", False),
        ("'not a docstring' if x else 2", "1 if x else 2", False),
        ("x = f'{a!r:>3}'", "x = f'{a!s:>3}'", False),
        ("def f():\n    return 'doc'", "def f():\n    return 'cod'", False),
    ],
)
def test_the_digest_is_of_what_a_file_says(tmp_path, one, two, same):
    files = [tmp_path / "one.py", tmp_path / "two.py"]
    for file, text in zip(files, (one, two), strict=True):
        file.write_text(text)
    assert (digest_of(files[0]) == digest_of(files[1])) is same


def test_an_equal_grid_of_any_builder_has_its_needs_first():
    """``find_stale`` and ``forget`` go through a grid once, in its order."""
    grid = GridBuilder("t")
    first = grid.add("k", {"n": 1})
    grid.target({"n": 2}, grid.add("k", {"n": 2}, needs={"x": first}))
    assert next(iter(grid.build().cells)) == first.id


METHOD = """
from imagenet_rib.method import FineTuning, Parameters


def prepare(start, /):
    from imagenet_rib.learning.objectives import penalised_loss


method = FineTuning(name="of_test", summary="One.", parameters=Parameters, prepare=prepare)
"""


@pytest.mark.parametrize(
    ("before", "now", "stale"),
    [
        ("other-task 1.0", "other-task 2.0", False),  # the versions of its kinds decide
        ("other-task 1.0", "other-task 1.0", True),  # edited, and installed again under the old version
        ("other-task 1.0", None, True),
        (None, "other-task 1.0", True),
    ],
)
def test_between_two_releases_the_versions_of_kinds_decide(chain, monkeypatch, before, now, stale):
    monkeypatch.setattr(fingerprint, "_release", lambda _: before)
    chain.run()
    chain.edit("chain_second.py", "10 *", "100 *")
    monkeypatch.setattr(fingerprint, "_release", lambda _: now)
    assert ("second" in chain.stale()) is stale


def test_code_that_is_no_python_is_named(chain):
    chain.run()
    chain.edit("chain_second.py", "def run", "def (:")
    task, grid, store = find_task("chain"), chain.grid, chain.store
    results, _ = store.results.read_many(grid.cells)
    with pytest.raises(UserError, match=r"chain_second.py' is not valid Python.*line 1"):
        find_stale(task, grid, store, results)


def test_what_a_part_from_outside_imports_of_the_task_counts(tmp_path):
    (tmp_path / "method_of_test.py").write_text(METHOD)
    (tmp_path / "imagenet_rib").mkdir()  # results of the user's, not the package
    try:
        plugins.load([tmp_path / "method_of_test.py"], joins=True)
        task = find_task("imagenet-rib")
        grid = load_suite(task, "mini").grid()
        codes = Codes(task)
        files = {
            name: set(codes.of(cell).files)
            for cell in grid.cells.values()
            if (name := cell.config.get("method")) is not None
        }
    finally:
        plugins.forget()
    assert "imagenet_rib.learning.objectives" in files["of_test"]
    others = set.union(*(modules for name, modules in files.items() if name != "of_test"))
    assert files["of_test"] - others == {"method_of_test"}


@pytest.mark.parametrize("name", sorted(set(task_names()) - {"toy"}))  # which is one file
def test_an_edit_of_what_plans_or_reports_concerns_no_cell(name):
    task = find_task(name)
    codes = Codes(task)
    cells = load_suite(task, "mini").grid().cells.values()
    counted = {file for cell in cells for file in codes.of(cell).files}
    rooms = {part for file in counted for part in file.split(".")[1:]}
    assert not rooms & {"plan", "report"}
    assert not {file for file in counted if "." not in file}
