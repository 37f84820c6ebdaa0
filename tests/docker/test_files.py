"""The images and the compose file: linted, checked against a schema, and as docker/README.md says."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
import yaml

ROOT = Path(__file__).parents[2]
DOCKER = ROOT / "docker"
COMPOSE = yaml.safe_load((DOCKER / "compose.yaml").read_text())
DOCKERFILES = sorted(DOCKER.glob("*.Dockerfile"))

TEXT, TEXTS = {"type": "string"}, {"type": "array", "items": {"type": "string"}}
DURATION = {"type": "string", "pattern": r"^\d+(ms|s|m|h)$"}


def closed(properties, required=()):
    """Schema of an object that has no other properties: a misspelt key is an error."""
    return {
        "type": "object",
        "properties": properties,
        "required": [*required],
        "additionalProperties": False,
    }


# The part of the Compose Specification that the file uses.
SERVICE = closed(
    {
        "image": {"type": "string", "pattern": r"^[\w./-]+:[\w.-]+$"},  # with a version
        "build": closed({"context": TEXT, "dockerfile": TEXT}, ["context"]),
        "command": TEXTS,  # in exec form: the signal to stop reaches the process
        "environment": {"type": "object", "additionalProperties": {"type": "string"}},
        "ports": TEXTS,
        "volumes": TEXTS,
        "restart": {"enum": ["no", "always", "on-failure", "unless-stopped"]},
        "init": {"type": "boolean"},
        "shm_size": {"type": "string", "pattern": r"^\d+(kb|mb|gb)$"},
        "ulimits": {"type": "object", "additionalProperties": {"type": "integer"}},
        "cap_drop": TEXTS,
        "security_opt": TEXTS,
        "deploy": closed({"replicas": {"type": "integer", "minimum": 1}}),
        "healthcheck": closed(
            {
                "test": TEXTS,
                "interval": DURATION,
                "timeout": DURATION,
                "start_period": DURATION,
                "retries": {"type": "integer"},
            },
            ["test"],
        ),
        "depends_on": {
            "type": "object",
            "additionalProperties": closed(
                {
                    "condition": {
                        "enum": ["service_started", "service_healthy", "service_completed_successfully"]
                    }
                },
                ["condition"],
            ),
        },
    },
    ["image"],
)
SCHEMA = closed(
    {
        "name": TEXT,
        "services": {"type": "object", "additionalProperties": SERVICE},
        "volumes": {"type": "object", "additionalProperties": {"type": "null"}},
    },
    ["services"],
)


def test_the_compose_file_follows_the_schema():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.validate({key: value for key, value in COMPOSE.items() if not key.startswith("x-")}, SCHEMA)


def compose():
    """The command of Docker Compose on this machine, None where there is none, and its major version."""
    for command in (["docker", "compose"], ["docker-compose"]):
        if shutil.which(command[0]):
            told = subprocess.run([*command, "version", "--short"], capture_output=True, text=True)
            if told.returncode == 0:
                return command, int(told.stdout.strip().removeprefix("v").split(".")[0])
    return None, 0


def test_compose_itself_accepts_the_file(tmp_path):
    command, major = compose()
    if command is None:  # no Python package has it; what its schema says is tested above in any case
        pytest.skip("Docker Compose is not installed (Debian: apt-get install docker-compose)")
    names = [
        line.partition("=")[0] for line in (DOCKER / "env.example").read_text().splitlines() if "=" in line
    ]
    # Compose 1, which Debian still ships, knows all of the file but the project's name.
    known = {key: value for key, value in COMPOSE.items() if major > 1 or key != "name"}
    shutil.copytree(DOCKER, tmp_path / "docker")
    (tmp_path / "docker" / "compose.yaml").write_text(yaml.safe_dump(known))
    done = subprocess.run(
        [*command, "-f", tmp_path / "docker" / "compose.yaml", "config", "--quiet"],
        env={"PATH": "/usr/bin:/bin:/usr/local/bin", **dict.fromkeys(names, "x")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def test_what_is_named_is_there():
    services = COMPOSE["services"]
    for name, service in services.items():
        for needed, how in service.get("depends_on", {}).items():
            assert needed in services
            if how["condition"] == "service_healthy":
                assert "healthcheck" in services[needed], f"{name} waits for the health of {needed}"
        for volume in service.get("volumes", []):
            assert volume.partition(":")[0] in COMPOSE["volumes"]
        if "build" in service:
            assert (DOCKER / service["build"]["context"] / service["build"]["dockerfile"]).is_file()
    assert {"head", "worker", "mlflow", "postgres", "minio"} <= set(services)
    assert {name for name, service in services.items() if "healthcheck" not in service} == {
        "worker",
        "buckets",
    }


def test_ports_are_bound_to_this_machine():
    ports = [port for service in COMPOSE["services"].values() for port in service.get("ports", [])]
    assert len(ports) >= 4
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_secrets_come_from_the_environment_and_nothing_starts_without_them():
    example = dict(
        line.split("=", 1) for line in (DOCKER / "env.example").read_text().splitlines() if "=" in line
    )
    assert set(example.values()) == {""}
    text = (DOCKER / "compose.yaml").read_text()
    assert set(re.findall(r"\$\{(\w+):\?", text)) == set(example)
    assert len(re.findall(r"\$\{\w+:\?", text)) == text.count("${")
    for service in COMPOSE["services"].values():
        assert not any("${" in word for word in service.get("command", []))  # process lists show commands
        for name, value in service["environment"].items():
            if re.search("PASSWORD|SECRET|TOKEN", name):
                assert value.startswith("${") or name == "RAY_AUTH_MODE"
    assert "docker/.env" in (ROOT / ".gitignore").read_text().splitlines()


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.name)
def test_dockerfiles_are_clean_pinned_and_run_without_root(path):
    done = subprocess.run(
        [Path(sys.executable).with_name("hadolint"), str(path)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout
    text = path.read_text()
    images = re.findall(r"^FROM (\S+)", text, re.M)
    assert all(re.fullmatch(r"python:\d+\.\d+\.\d+-slim-\w+", image) for image in images)
    assert re.findall(r"^USER (.+)", text, re.M)[-1] == "1000"
    assert "-c constraints.txt" in text
    assert "ARG" not in text  # build arguments stay in the image's history
    assert text.index("requirements.txt") < text.index("COPY platform")  # the code is above its dependencies


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.name)
def test_builds_see_what_is_copied_and_nothing_else(path):
    """A clone's virtual environment and results are not sent to whoever builds."""
    copied = {
        name
        for line in re.findall(r"^COPY (?!--from)(.+) \S+$", path.read_text(), re.M)
        for name in line.split()
    }
    rules = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] not in ("#", "")]
    assert rules[0] == "*"
    assert {rule.removeprefix("!") for rule in rules if rule.startswith("!")} == copied
    assert all((ROOT / name).exists() for name in copied)


def test_the_images_install_what_the_project_says(tmp_path):
    """The lines of the Dockerfile that make the lists of packages, run as they are."""
    text = (DOCKER / "cpu.Dockerfile").read_text()
    commands = re.search(r"RUN (python -c .+?>requirements\.txt.+?>cpu\.txt)", text, re.S)[1]
    for name in ("pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    subprocess.run(["bash", "-euo", "pipefail", "-c", commands], cwd=tmp_path, check=True)
    wanted = (tmp_path / "requirements.txt").read_text()
    for package in ("torch>=", "ray[default,tune,train]~=", "s3fs>=", "gymnasium>="):
        assert f"\n{package}" in f"\n{wanted}"
    assert re.fullmatch(r"torch==[\d.]+\+cpu\ntorchvision==[\d.]+\+cpu\n", (tmp_path / "cpu.txt").read_text())
