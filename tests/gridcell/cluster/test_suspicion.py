"""No secret goes along with a job unless its owner says so."""

from pathlib import Path

import pytest

from gridcell.cluster.package import pack
from gridcell.cluster.suspicion import looks_secret, suspicious

SECRETS = (
    *(".envrc", "conf/secrets.yaml", "secrets.toml", "kaggle.json", "id_ecdsa", "deploy_ed25519", ".npmrc"),
    *("infra/terraform.tfstate", "terraform.tfstate.backup", "prod.tfvars", "prod.env", ".htpasswd", "a.p12"),
    *(
        "service-account-1.json",
        "service_account.json",
        "client_secret_7.json",
        "credentials.yml",
        ".vault-token",
    ),
    *(
        ".config/gcloud/x.db",
        ".azure/token",
        ".gnupg/ring",
        "my.kdbx",
        "vpn.ovpn",
        ".boto",
        ".s3cfg",
        "_netrc",
    ),
)
CODE = ("token.py", "secrets.py", "credentials.py", "tokenizer.json", "env.py", "keys.py", "secretary.md")


@pytest.fixture
def folder(tmp_path):
    for name in (*SECRETS, *CODE):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    return tmp_path


def test_files_that_are_named_like_secrets_stay_and_code_goes(folder):
    assert set(pack(folder).sizes) == set(CODE)


# Put together here, so that no scanner takes this file for a leak.
LOOKS = [
    ("k.txt", "-----BEGIN " + "OPENSSH PRIVATE KEY-----\nx", "private key"),
    ("k.txt", "-----BEGIN " + "RSA PRIVATE KEY-----\nx", "private key"),
    ("k.py", "key = 'AKIA" + "ABCDEFGHIJKLMNOP'", "AWS"),
    ("k.py", '{"type": "service' + '_account"}', "Google"),
    ("k.md", "gh" + "p_" + "a" * 36, "GitHub"),
    ("k.py", "hf" + "_" + "a" * 34, "Hugging Face"),
    ("k.py", "sk" + "-proj-" + "a" * 30, "API"),
    ("k.sh", "export WANDB_API" + "_KEY=" + "0a" * 20, "password or token"),
    ("k.yaml", "db:\n  pass" + "word: correct-horse\n", "password or token"),
    ("k.json", '{"api' + '_key": "abcdef123456"}', "password or token"),
    ("k.py", "postgres" + "://me:hunter22@host/db", "address"),
]


@pytest.mark.parametrize(("name", "text", "what"), LOOKS)
def test_contents_that_look_like_secrets_are_noticed(name, text, what):
    assert what in looks_secret(text.encode(), name)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("k.py", "def token(password: str, api_key: str = default_key_of_user) -> str: ..."),
        (
            "k.yaml",
            "token: ${TOKEN}\npassword: {{ password }}\nmax_tokens: 4096\ntokenizer: bert-base-uncased",
        ),
        ("k.yaml", "password:\n  from: env\n"),
        ("README.md", "see https://host:8080/a@b and s3://bucket/runs; postgres://user:password-free"),
        ("k.md", "disk-space is sk-ipped; the ghp_ prefix; hf_hub_download"),
        ("model.bin", "\0\1\2"),
    ],
)
def test_what_only_speaks_of_secrets_is_not(name, text):
    assert looks_secret(text.encode(), name) == ""


def test_nothing_here_looks_like_one():
    assert suspicious(pack(Path(__file__).parents[3])) == {}


@pytest.fixture
def leaky(gridcell, tmp_path):
    (tmp_path / "code.py").write_text("x = 1")
    (tmp_path / "conf.yaml").write_text("api" + "_key: abcdef123456\n")
    return gridcell


def test_a_dry_run_marks_what_looks_like_a_secret(leaky, tmp_path):
    assert suspicious(pack(tmp_path)) == {"conf.yaml": "a password or token"}
    code, output, _ = leaky("submit", "toy", "--storage", "/s", "--dry-run")
    assert code == 0
    assert "conf.yaml  (looks like a password or token)" in output
    assert output.count("looks like") == 1


def test_nothing_is_sent_before_somebody_said_so(leaky, monkeypatch):
    sent = []

    class Listening:
        def __init__(self, address):
            pass

        def submit(self, package, command, **_):
            sent.append(set(package.sizes))
            return "toy-mini-1"

    monkeypatch.setattr("gridcell.cli.jobs.Jobs", Listening)
    submit = ("submit", "toy", "--storage", "/s", "--no-wait")
    code, _, errors = leaky(*submit)
    assert (code, sent) == (2, [])
    assert "'conf.yaml' (a password or token)" in errors
    assert "--exclude 'conf.yaml' leaves it here, --send-anyway 'conf.yaml' sends it" in errors
    assert leaky(*submit, "--exclude", "conf.yaml")[0] == 0
    assert leaky(*submit, "--send-anyway", "*.yaml")[0] == 0
    assert sent == [{"code.py"}, {"code.py", "conf.yaml"}]
