"""What code reads by a path that does not start from where it lies: found without running it, and told."""

import pytest

from gridcell.paths_elsewhere import present, read_elsewhere

TABLE = ["table.json"]
CODE = [
    ('json.load(open("table.json"))', TABLE),
    ("open('table.json', 'rb')", TABLE),
    ('open(file="table.json")', TABLE),
    ('Path("table.json").read_text()', TABLE),
    ('pathlib.Path("maps", "a.txt").read_text()', ["maps/a.txt"]),
    ('(Path("maps") / "a.txt").read_text()', ["maps/a.txt"]),
    ('Path("maps").joinpath("a.txt")', ["maps/a.txt"]),
    ('open(os.path.join("maps", "a.txt"))', ["maps/a.txt"]),
    ('MAPS = Path("maps")\n(MAPS / "a.txt").read_text()', ["maps/a.txt"]),
    ('NAME = "table.json"\nwith open(NAME) as file: pass', TABLE),
    ('FOLDER: str = "maps"\nopen(FOLDER + "/a.txt")', ["maps/a.txt"]),
    ('open(f"maps/{name}.txt")', ["maps/*.txt"]),
    ('for each in Path("maps").glob("*.txt"): pass', ["maps/*.txt"]),
    ('numpy.load("points.npz")', ["points.npz"]),
    ('pandas.read_csv("./table.json")', ["./table.json"]),
    ('torch.load("points.npz", weights_only=True)', ["points.npz"]),
    ('np.loadtxt(fname="table.json")', TABLE),
    ('cv2.imread("points.npz")', ["points.npz"]),
    ('h5py.File("points.npz", "r")', ["points.npz"]),
    ('(Path.cwd() / "table.json").read_text()', TABLE),
    ('open(os.path.join(os.getcwd(), "table.json"))', TABLE),
    ('open(os.path.abspath("table.json"))', TABLE),
    ('open(Path("table.json").resolve())', TABLE),
    ('def f(path="table.json"):\n    return open(path)', TABLE),
    ('def f(*, path="table.json"):\n    return open(path)', TABLE),
    ('class A:\n    path: str = "table.json"\n    def f(self): return open(self.path)', TABLE),
    ('def f(self):\n    self.path = "table.json"\n    return open(self.path)', TABLE),
    ('(Path.home() / "table.json").read_text()', ["~/table.json"]),
    ('open(os.path.expanduser("~/table.json"))', ["~/table.json"]),
    ('open("maps/{}.txt".format(name))', ["maps/*.txt"]),
    # what is no reading of a file that is there
    ('open("table.json", "w")', []),
    ('open("table.json", mode="ab")', []),
    ('open("absent.json")', []),
    ('Path("maps")', []),
    ('open("other.py")', []),
    ('print("table.json")', []),
    ('context.artifact("row", "table.json")', []),
    ('(context.outputs / "table.json").write_text("")', []),
    ("open(name)", []),
    ("Path.cwd()", []),
    ('open(Path(__file__).with_name("table.json"))', []),
    ('(Path(__file__).parent / "table.json").read_text()', []),
    ('NAMES = {"x": "table.json"}', []),
    ('"""open("table.json")"""', []),
    ('open("\\0")', []),
    ('open("")', []),
    ('json.loads("[")', []),
]


@pytest.mark.parametrize(("code", "expected"), CODE, ids=[code for code, _ in CODE])
def test_files_that_are_read_from_the_working_folder_are_found(code, expected, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "maps").mkdir()
    for name in ("table.json", "points.npz", "other.py", "maps/a.txt"):
        (tmp_path / name).write_text("")
    told = read_elsewhere(f"from pathlib import Path\n{code}\n".encode(), "part.py")
    assert present(told, tmp_path) == expected


def test_a_file_by_its_absolute_path_is_found_from_everywhere(tmp_path):
    table = tmp_path / "table.json"
    table.write_text("{}")
    told = read_elsewhere(f'open("{table}")'.encode(), "part.py")
    assert present(told, tmp_path / "another") == [str(table)]
