"""The cluster files are what Ray's launcher and KubeRay expect, and keep what clusters/README.md promises."""

import json
import re
from pathlib import Path

import jsonschema
import pytest
import yaml

ROOT = Path(__file__).parents[2]
CLUSTERS = ROOT / "clusters"
KUBERAY = CLUSTERS / "kuberay"


def read(path):
    return yaml.safe_load(path.read_text())


def closed(required, **properties):
    """Schema of an object that has no other properties: a misspelt key is an error."""
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def items(schema, least=1):
    return {"type": "array", "items": schema, "minItems": least}


TEXT, COUNT, FLAG, ANY = {"type": "string"}, {"type": "integer", "minimum": 0}, {"type": "boolean"}, {}
TEXTS = {"type": "object", "additionalProperties": TEXT}  # Kubernetes wants quotes around numbers
QUANTITIES = {
    "type": "object",
    "additionalProperties": {"type": "string", "pattern": r"^\d+(\.\d+)?(m|Mi|Gi)?$"},
}
RESOURCES = closed(["requests", "limits"], requests=QUANTITIES, limits=QUANTITIES)
CONFINED = closed(
    ["allowPrivilegeEscalation", "capabilities"],
    allowPrivilegeEscalation={"const": False},
    capabilities={"const": {"drop": ["ALL"]}},
)
CONTAINER = closed(
    ["name", "image", "resources", "securityContext"],
    name=TEXT,
    image={"type": "string", "pattern": r"^[\w./-]+:[\w.-]+$"},  # with a version
    env=items(
        {
            "oneOf": [
                closed(["name", "value"], name=TEXT, value=TEXT),
                closed(["name", "valueFrom"], name=TEXT, valueFrom=ANY),
            ]
        }
    ),
    envFrom=items(closed(["secretRef"], secretRef=closed(["name"], name=TEXT, optional=FLAG))),
    ports=items(closed(["containerPort"], containerPort=COUNT, name=TEXT)),
    resources=RESOURCES,
    securityContext=CONFINED,
    volumeMounts=items(closed(["name", "mountPath"], name=TEXT, mountPath=TEXT)),
)
POD = closed(
    ["spec"],
    spec=closed(
        ["securityContext", "containers"],
        securityContext={
            "type": "object",
            "properties": {"runAsNonRoot": {"const": True}},
            "required": ["runAsNonRoot"],
        },
        containers=items(CONTAINER),
        volumes=items(closed(["name"], name=TEXT, emptyDir=ANY)),
        tolerations=items(closed(["key"], key=TEXT, operator=TEXT, value=TEXT, effect=TEXT)),
        terminationGracePeriodSeconds=COUNT,
        restartPolicy={"enum": ["Never", "OnFailure"]},
    ),
)
# The part of KubeRay's custom resources (ray.io/v1) that these files use.
CLUSTER_SPEC = closed(
    ["rayVersion", "headGroupSpec", "workerGroupSpecs"],
    rayVersion=TEXT,
    enableInTreeAutoscaling=FLAG,
    autoscalerOptions=closed(
        [],
        idleTimeoutSeconds=COUNT,
        upscalingMode={"enum": ["Default", "Aggressive", "Conservative"]},
        resources=RESOURCES,
        env=CONTAINER["properties"]["env"],
    ),
    headGroupSpec=closed(
        ["rayStartParams", "template"], serviceType={"const": "ClusterIP"}, rayStartParams=TEXTS, template=POD
    ),
    workerGroupSpecs=items(
        closed(
            ["groupName", "replicas", "minReplicas", "maxReplicas", "rayStartParams", "template"],
            groupName=TEXT,
            replicas=COUNT,
            minReplicas=COUNT,
            maxReplicas=COUNT,
            rayStartParams=TEXTS,
            template=POD,
        )
    ),
)
JOB_SPEC = closed(
    ["entrypoint", "rayClusterSpec"],
    entrypoint=TEXT,
    submissionMode={"enum": ["K8sJobMode", "HTTPMode", "InteractiveMode"]},
    backoffLimit=COUNT,
    shutdownAfterJobFinishes=FLAG,
    ttlSecondsAfterFinished=COUNT,
    submitterPodTemplate=POD,
    rayClusterSpec=CLUSTER_SPEC,
)


@pytest.mark.parametrize(
    ("file", "kind", "spec"), [("raycluster", "RayCluster", CLUSTER_SPEC), ("rayjob", "RayJob", JOB_SPEC)]
)
def test_kuberay_manifests_follow_the_schema(file, kind, spec):
    schema = closed(
        ["apiVersion", "kind", "metadata", "spec"],
        apiVersion={"const": "ray.io/v1"},
        kind={"const": kind},
        metadata=closed(["name"], name=TEXT, labels=TEXTS),
        spec=spec,
    )
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(read(KUBERAY / f"{file}.yaml"), schema)


def test_the_job_has_the_cluster_of_the_cluster_file():
    assert (
        read(KUBERAY / "rayjob.yaml")["spec"]["rayClusterSpec"] == read(KUBERAY / "raycluster.yaml")["spec"]
    )


def test_kuberay_groups_grow_and_agree_on_devices_and_volumes():
    spec = read(KUBERAY / "raycluster.yaml")["spec"]
    assert spec["enableInTreeAutoscaling"]
    assert spec["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0"
    groups = {group["groupName"]: group for group in spec["workerGroupSpecs"]}
    assert all(group["minReplicas"] <= group["replicas"] <= group["maxReplicas"] for group in groups.values())
    for group in [spec["headGroupSpec"], *groups.values()]:
        pod = group["template"]["spec"]
        (container,) = pod["containers"]
        assert {mount["name"] for mount in container["volumeMounts"]} == {
            volume["name"] for volume in pod["volumes"]
        }
        assert {variable["name"] for variable in container["env"]} == {"RAY_AUTH_MODE", "RAY_AUTH_TOKEN"}
    gpus = {
        name: group["template"]["spec"]["containers"][0]["resources"]["limits"].get("nvidia.com/gpu")
        for name, group in groups.items()
    }
    assert gpus == {"gpu": "1", "cpu": None}


def test_one_version_of_ray_everywhere():
    pinned = re.search(r"^ray==(.+)$", (ROOT / "constraints.txt").read_text(), re.M)[1]
    assert read(KUBERAY / "raycluster.yaml")["spec"]["rayVersion"] == pinned


@pytest.mark.parametrize("cloud", ["aws", "gcp"])
def test_launcher_files_pass_rays_own_validation(cloud):
    import ray.autoscaler
    from ray.autoscaler._private.util import prepare_config, validate_config

    config = read(CLUSTERS / cloud / "cluster.yaml")
    schema = json.loads((Path(ray.autoscaler.__file__).parent / "ray-schema.json").read_text())
    jsonschema.validate(config, schema)
    prepared = prepare_config(config)  # fills in what Ray adds before it starts anything
    validate_config(prepared)
    types = prepared["available_node_types"]
    assert prepared["head_node_type"] in types
    assert types["head"]["resources"] == {"CPU": 0}
    spot = {name: "spot" in json.dumps(kind["node_config"]).lower() for name, kind in types.items()}
    assert spot == {"head": False, "gpu-spot": True, "cpu-spot": True}
    assert sum(kind["max_workers"] for name, kind in types.items() if name != "head") == config["max_workers"]


@pytest.mark.parametrize("path", sorted([*CLUSTERS.rglob("*.yaml"), *CLUSTERS.rglob("*.s*")]), ids=str)
def test_no_file_opens_a_port_to_the_world_or_holds_a_secret(path):
    text = path.read_text()
    if "dashboard-host" in text and path.parent != KUBERAY:
        assert set(re.findall(r"--dashboard-host[= ](\S+)", text)) == {"127.0.0.1"}
    assert not re.search(r"LoadBalancer|NodePort|hostNetwork|hostPort", text)
    assert not re.search(r"(?i)(secret|password|token)\w*\s*[:=]\s*['\"]?[a-z0-9+/]{16,}", text)
    if "ray start" in text:
        assert "RAY_AUTH_MODE" in text


def test_every_folder_says_how_to_start_it():
    folders = [path for path in CLUSTERS.iterdir() if path.is_dir()]
    assert len(folders) == 6
    for folder in folders:
        files = {path.name for path in folder.iterdir()}
        assert "README.md" in files
        assert len(files) > 1
        assert f"[{folder.name}]({folder.name}/README.md)" in (CLUSTERS / "README.md").read_text()


def test_no_link_is_dead():
    for page in [*CLUSTERS.rglob("*.md"), *(ROOT / "docker").glob("*.md")]:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page}: {target}"
