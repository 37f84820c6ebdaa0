"""What goes along with a job: the code, and neither data, results nor secrets."""

import os
import subprocess
import zipfile

import pytest

from gridcell.cluster.package import pack
from gridcell.data.shards.manifest import INDEX, MANIFEST
from gridcell.errors import UserError
from gridcell.report.record import RECORD

CODE = {"task.py": 10, "src/deep/model.py": 20, "suite.yaml": 5}
STAYS = (
    *(
        ".git/objects/aa",
        ".venv/lib/x.py",
        "runs/results/a.json",
        "mlruns/0/meta.yaml",
        "src/__pycache__/m.pyc",
    ),
    *(".env", "keys/server.pem", ".aws/credentials", "src/.mypy_cache/x"),
    *(".git-credentials", ".pypirc", "id_rsa", "conf/credentials.json", ".kube/config", "kubeconfig"),
    *("renamed-environment/pyvenv.cfg", "renamed-environment/lib/y.py"),
    *("my-store/gridcell.json", "my-store/results/b.json"),
    *(
        f"my-report/{RECORD}",
        "my-report/report.html",
        f"sets/a/{MANIFEST}",
        f"sets/a/{INDEX}",
        "sets/a/0.tar",
    ),
)


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "work"
    for name, size in {**CODE, **dict.fromkeys(STAYS, 7)}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x" * size)
    return root


def test_a_folder_without_git_sends_its_code_alone(folder):
    assert pack(folder).sizes == CODE


@pytest.mark.parametrize("git", [False, True])
def test_a_linked_folder_is_sent_as_a_copy_unless_it_leads_elsewhere(folder, tmp_path, git):
    if git:
        (folder / ".git/objects/aa").unlink()
        subprocess.run(["git", "init", "--quiet", str(folder)], check=True)
    (folder / "model").symlink_to("src/deep")
    (folder / "src/above").symlink_to(folder)  # itself within what it leads to
    (folder / "environment").symlink_to("renamed-environment")
    expected = {*CODE, "model/model.py"} | {f"src/above/{name}" for name in CODE}
    assert set(pack(folder).sizes) == expected
    assert set(pack(folder, ["above", "model/*"]).sizes) == {*CODE}
    pack(folder).write(tmp_path / "a.zip")
    with zipfile.ZipFile(tmp_path / "a.zip") as packed:
        assert packed.read("model/model.py") == b"x" * 20

    (tmp_path / "datasets").mkdir()
    (folder / "data").symlink_to(tmp_path / "datasets")
    with pytest.raises(UserError, match=r"The folder 'data' is a link to .*datasets.*--exclude 'data'"):
        pack(folder)
    assert set(pack(folder, ["data"]).sizes) == expected


def test_a_repositorys_submodules_are_sent(folder, tmp_path):
    def git(*words, where):
        identity = ("-c", "user.name=n", "-c", "user.email=e", "-c", "protocol.file.allow=always")
        subprocess.run(["git", "-C", where, *identity, *words], check=True, capture_output=True)

    library = tmp_path / "library"
    (library / "deep").mkdir(parents=True)
    (library / "deep/useful.py").write_text("x = 1\n")
    (library / ".gitignore").write_text("*.log\n")
    git("init", "--quiet", where=library)
    git("add", "--all", where=library)
    git("commit", "--quiet", "--message", "first", where=library)
    (folder / ".git/objects/aa").unlink()
    git("init", "--quiet", where=folder)
    git("submodule", "add", "--quiet", library, "src/library", where=folder)
    git("clone", "--quiet", library, "cloned", where=folder)
    git("commit", "--quiet", "--message", "first", where=folder)
    git("clone", "--quiet", folder, tmp_path / "bare", where=tmp_path)
    assert set(pack(tmp_path / "bare").sizes) == {".gitmodules"}  # of its submodules none is checked out
    (folder / "src/library/new.py").write_text("y = 2\n")
    (folder / "src/library/last.log").write_text("done\n")
    of_library = {"deep/useful.py", ".gitignore"}
    assert set(pack(folder).sizes) == {*CODE, ".gitmodules", "src/library/new.py"} | {
        f"{where}/{name}" for where in ("src/library", "cloned") for name in of_library
    }


def test_a_repository_sends_what_git_does_not_ignore(folder):
    (folder / ".git/objects/aa").unlink()
    subprocess.run(["git", "init", "--quiet", str(folder)], check=True)
    (folder / ".gitignore").write_text("data/\n*.ckpt\n")
    for name in ("data/image.png", "last.ckpt", "src/new.py"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("new")
    assert set(pack(folder).sizes) == {*CODE, ".gitignore", "src/new.py"}
    assert set(pack(folder / "src").sizes) == {"deep/model.py", "new.py"}


def test_a_manifest_alone_makes_no_shards(folder):
    (folder / "src" / MANIFEST).write_text("{}")  # as a package of JavaScript has one
    assert set(pack(folder).sizes) == {*CODE, f"src/{MANIFEST}"}


def test_what_is_excluded_stays(folder):
    assert set(pack(folder, ["src"]).sizes) == {"task.py", "suite.yaml"}
    assert set(pack(folder, ["deep/", "*.yaml"]).sizes) == {"task.py"}
    assert set(pack(folder, ["src/deep/*"]).sizes) == {"task.py", "suite.yaml"}


def test_too_much_is_refused_and_the_largest_are_named(folder):
    (folder / "images").mkdir()
    (folder / "images/1.png").write_bytes(bytes(2 << 20))
    (folder / "images/2.png").write_bytes(bytes(1 << 20))
    (folder / "weights.pt").write_bytes(bytes(1 << 20))
    with pytest.raises(
        UserError, match=r"4\.0 MiB to send.*--exclude 'images' \(3\.0 MiB\), --exclude 'weights"
    ):
        pack(folder, limit_mib=3)
    assert pack(folder, ["images", "weights.pt"], limit_mib=3).sizes == CODE


def test_equal_content_makes_equal_archives(folder, tmp_path):
    (folder / "task.py").chmod(0o755)
    archives = []
    for name, date in (("a.zip", 10**9), ("b.zip", 2 * 10**9)):
        os.utime(folder / "task.py", (date, date))
        pack(folder).write(tmp_path / name)
        archives.append((tmp_path / name).read_bytes())
    assert archives[0] == archives[1]
    with zipfile.ZipFile(tmp_path / "a.zip") as packed:
        assert {item.filename: item.file_size for item in packed.infolist()} == CODE
        assert packed.getinfo("task.py").external_attr >> 16 == 0o755
