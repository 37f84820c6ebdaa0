"""Secrets are in nothing that is printed, stored or shown."""

import io
import json
import re
import sqlite3
import subprocess
import sys

import pytest
from hypothesis import given, strategies as st

from gridcell.cli import main
from gridcell.secrets import HIDDEN, RedactedStream, has_secret, is_secret_name, redact

SECRET = "wJalrXUtnFEMI-K7MDENG"


@pytest.mark.parametrize(
    "name",
    [
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "MLFLOW_TRACKING_PASSWORD",
        "RAY_AUTH_TOKEN",
        "HF_TOKEN",
        "WANDB_API_KEY",
    ],
)
def test_values_of_secret_variables_are_hidden(name):
    assert is_secret_name(name)
    assert redact(f"it was {SECRET}, twice {SECRET}", {name: SECRET}) == f"it was {HIDDEN}, twice {HIDDEN}"


@pytest.mark.parametrize("name", ["PATH", "RAY_AUTH_MODE", "RAY_AUTH_TOKEN_PATH", "AWS_ENDPOINT_URL", "HOME"])
def test_other_variables_are_not(name):
    assert redact(f"it was {SECRET}", {name: SECRET}) == f"it was {SECRET}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"postgresql://me:{SECRET}@host/db", "postgresql://me:***@host/db"),
        (f"at s3://key:{SECRET}@bucket/x failed", "at s3://key:***@bucket/x failed"),
        (f"https://h/p?a=1&X-Amz-Signature={SECRET}&b=2", "https://h/p?a=1&X-Amz-Signature=***&b=2"),
        (f"https://h/p?access_token={SECRET}", "https://h/p?access_token=***"),
        ("https://host:8265/path and user@host", "https://host:8265/path and user@host"),
        ("s3://AKIAX:abc/def@bucket", "s3://AKIAX:***@bucket"),
        ("s3://AKIAX:/abc/def@bucket/x", "s3://AKIAX:***@bucket/x"),
        ("mysql://user:p@ss@host/db", "mysql://user:***@host/db"),
        ("mysql://me@corp.com:p@ss@host/db", "mysql://me@corp.com:***@host/db"),
        ("mysql://user:1234567/8@host", "mysql://user:***@host"),  # no port has so many digits
        ("redis://:secret@[::1]:6379/0", "redis://:***@[::1]:6379/0"),
        ("postgresql://me:secret@/db", "postgresql://me:***@/db"),
        ("zip://a.zip::s3://k:abc/d@bucket,http://u:v@h", "zip://a.zip::s3://k:***@bucket,http://u:***@h"),
        ("https://ghp_abcdef123456@github.com/x/y", "https://***@github.com/x/y"),
        ("git+https://github_pat_1@github.com/x/y", "git+https://***@github.com/x/y"),
        (f"https://ghp_abcdef123456:{SECRET}@github.com", "https://***:***@github.com"),
        ("https://ghp_abcdef123456:@github.com", "https://***:@github.com"),
        ("https://0123456789abcdef0123@host:8080/x", "https://***@host:8080/x"),
        ("https://h/?to=https://hf_abcdef@h/x", "https://h/?to=https://***@h/x"),
        ("s3://bucket/folder@v2/x", "s3://bucket/folder@v2/x"),
        ("s3://bucket/a:b@v2/x", "s3://bucket/a:b@v2/x"),
        ("git@host:path", "git@host:path"),
        ("ssh://git@host:22/a@v2", "ssh://git@host:22/a@v2"),
        ("ssh://git@host:org/repo", "ssh://git@host:org/repo"),
        ("https://host:8080/a@b", "https://host:8080/a@b"),
        (f"https://host:{8080}?a@b", f"https://host:{8080}?a@b"),
        ("http://[::1]:8080/a@b and http://[::1]/a@b", "http://[::1]:8080/a@b and http://[::1]/a@b"),
        ("file:///C:/a@b", "file:///C:/a@b"),
        ("mysql://user:@host/db", "mysql://user:@host/db"),
        ("abfs://experiments-of-2026-and-later@a.net/x", "abfs://experiments-of-2026-and-later@a.net/x"),
        ("https://somebody-with-a-long-name@host/x", "https://somebody-with-a-long-name@host/x"),
    ],
)
def test_passwords_and_tokens_in_addresses_are_hidden(text, expected):
    assert redact(text, {}) == expected
    assert has_secret(text) == (text != expected)


@given(st.text(), st.text(min_size=6), st.text())
def test_a_secret_never_gets_through(before, secret, after):
    assert secret not in redact(f"{before}{secret}{after}", {"X_TOKEN": secret}).replace(HIDDEN, "\0")


_SIGNS = st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="'\"")


@given(
    user=st.from_regex(r"[a-z]{0,9}", fullmatch=True),
    password=st.text(_SIGNS, min_size=1).filter(
        lambda text: "://" not in f":{text}" and not re.match(r"\d{1,5}[/?#]", text)
    ),
    address=st.sampled_from(["host", "host:8080/db", "[::1]:80", "/db", "a.example.com/x/y?z=1", ""]),
)
def test_no_part_of_a_password_in_an_address_gets_through(user, password, address):
    text = f"at mysql://{user}:{password}@{address} it failed"
    assert redact(text, {}) == f"at mysql://{user}:{HIDDEN}@{address} it failed"
    assert redact(redact(text, {}), {}) == redact(text, {})


@given(host=st.sampled_from(["bucket", "host:80", "a.net:65535"]), path=st.text(_SIGNS))
def test_an_address_without_a_user_part_stays_whatever_its_path_is(host, path):
    path = re.sub(r"[?&;]|://", "", path)
    assert redact(f"http://{host}/{path}", {}) == f"http://{host}/{path}"


@pytest.mark.slow
def test_a_failing_run_leaves_no_secret_anywhere(monkeypatch, tmp_path, capsys):
    """On the terminal, in any file of the store, in MLflow's database, in the report."""
    import toy_task

    step = toy_task.step

    def leaking(cell, context):
        if not cell.title.startswith("r1"):  # a report is written of what is done
            return step(cell, context)
        context.report(0, sum=1.0)
        raise ConnectionError(f"https://storage/?token={SECRET}-2 refused the key {SECRET}")

    monkeypatch.setattr(toy_task, "step", leaking)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.chdir(tmp_path)
    for command in (
        ["run", "toy", "--executor", "inline", "--storage", "runs"],
        ["status", "toy", "--storage", "runs"],
        ["status", "toy", "--storage", f"memory://me:{SECRET}@host/x"],
        [
            "run",
            "toy",
            "--executor",
            "inline",
            "--storage",
            "runs",
            "--tracking",
            f"http://a:{SECRET}@127.0.0.1:9",
        ],
    ):
        monkeypatch.setattr(sys, "argv", ["gridcell", *command])
        with pytest.raises(SystemExit):
            main()
    captured = capsys.readouterr()
    assert "refused the key ***" in captured.out
    assert SECRET not in captured.out + captured.err
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {"mlflow.db", "report.html"} <= {path.name for path in files}
    assert [path for path in files if SECRET.encode() in path.read_bytes()] == []
    failures = [json.loads(path.read_text()) for path in (tmp_path / "runs/failures").iterdir()]
    assert any("refused the key ***" in failure["message"] for failure in failures)
    assert sqlite3.connect(tmp_path / "runs/mlflow.db").execute("select count(*) from runs").fetchone()[0] > 0


def test_an_error_that_nobody_expected_is_printed_without_secrets():
    code = f"""
import os, sys
os.environ["X_TOKEN"] = "{SECRET}"
import gridcell.cli.app
def app(**options): raise RuntimeError("the token is {SECRET}")
gridcell.cli.app.app = app
gridcell.cli.main()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1
    assert "RuntimeError: the token is ***" in done.stderr
    assert SECRET not in done.stderr.replace('raise RuntimeError("the token', "")


def test_a_redacted_stream_is_the_stream_but_for_secrets(monkeypatch):
    monkeypatch.setenv("HF_TOKEN", SECRET)
    under = io.StringIO()
    stream = RedactedStream(under)
    line = f"it was {SECRET}\n"
    assert stream.write(line) == len(line)
    stream.writelines([line, "and this\n"])
    assert under.getvalue() == 2 * f"it was {HIDDEN}\n" + "and this\n"
    assert stream.getvalue() == under.getvalue()
