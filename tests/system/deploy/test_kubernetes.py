"""deploy/kubernetes.yaml: it has nothing that Kubernetes would refuse, and it matches what the pages say."""

from __future__ import annotations

import copy
import re
from pathlib import Path
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]  # it has no types
import yaml

from ncco_server.settings.fields import Variables, variable
from tests.support.cases import each_case
from tests.support.tracked import ROOT

MANIFEST = (ROOT / "deploy" / "kubernetes.yaml").read_text(encoding="utf-8")
MANIFESTS: list[dict[str, Any]] = list(yaml.safe_load_all(MANIFEST))
OBJECTS: dict[str, dict[str, Any]] = {each["kind"]: each for each in MANIFESTS}
PAGE = (ROOT / "docs" / "how-to" / "kubernetes.md").read_text(encoding="utf-8")
VERSION = "1.33"
"""Kubernetes releases are supported for a year; the oldest supported one knows the fewest fields."""
KINDS = ("Deployment", "Service", "NetworkPolicy", "PodDisruptionBudget", "PersistentVolumeClaim", "CronJob")


def fault(manifest: dict[str, Any]) -> str:
    """The first field that Kubernetes would refuse; "" if there is none."""
    try:
        kubernetes_validate.validate(manifest, VERSION, strict=True)
    except kubernetes_validate.ValidationError as error:
        return str(error.message)
    return ""


def pods() -> list[dict[str, Any]]:
    job = OBJECTS["CronJob"]["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    return [OBJECTS["Deployment"]["spec"]["template"]["spec"], job]


@each_case("kind", KINDS)
def test_kubernetes_knows_every_field(kind: str) -> None:
    misspelt = copy.deepcopy(OBJECTS[kind])
    misspelt["spec"]["replica"] = 2

    assert set(KINDS) == set(OBJECTS)
    assert {""} == {fault(each) for each in MANIFESTS if each["kind"] == kind}
    assert "replica" in fault(misspelt)


def test_kubernetes_knows_the_lines_for_a_config_map() -> None:
    lines = yaml.safe_load(re.findall(r'```yaml title="deploy/kubernetes.yaml[^\n]*\n(.*?)```', PAGE, re.S)[0])
    changed = copy.deepcopy(OBJECTS["Deployment"])
    pod = changed["spec"]["template"]["spec"]
    pod["volumes"] += lines["volumes"]
    pod["containers"][0]["volumeMounts"] += lines["volumeMounts"]

    assert not fault(changed)
    assert {"/srv/flows"} == {mount["mountPath"] for mount in lines["volumeMounts"]}


def test_every_container_has_few_rights_and_limits() -> None:
    for pod in pods():
        (container,) = pod["containers"]
        rights = container["securityContext"]
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert (False, True) == (rights["allowPrivilegeEscalation"], rights["readOnlyRootFilesystem"])
        assert ["ALL"] == rights["capabilities"]["drop"]
        assert "memory" in container["resources"]["limits"]
        assert pod["automountServiceAccountToken"] is False
        volumes = {volume["name"] for volume in pod["volumes"]}
        assert volumes == {mount["name"] for mount in container["volumeMounts"]}


def test_only_prometheus_reaches_the_metrics_and_nothing_reaches_the_console() -> None:
    (container,) = pods()[0]["containers"]
    policy = OBJECTS["NetworkPolicy"]["spec"]
    open_to_all = {port["port"] for rule in policy["ingress"] if "from" not in rule for port in rule["ports"]}

    assert {"Ingress"} == set(policy["policyTypes"])
    assert OBJECTS["Deployment"]["spec"]["selector"] == policy["podSelector"]
    assert {"http"} == open_to_all
    assert {"http", "metrics"} == {port["name"] for port in container["ports"]}
    assert "NCCO_CONSOLE_HOST" not in {entry["name"] for entry in container["env"]}  # so it is on 127.0.0.1


def test_every_variable_is_a_setting() -> None:
    known = {variable(name) for name in Variables.model_fields}
    for pod in pods():
        for entry in pod["containers"][0]["env"]:
            assert entry["name"].removesuffix("_FILE") in known


def test_servers_drain_before_they_are_killed_and_one_always_stays() -> None:
    spec = OBJECTS["Deployment"]["spec"]
    pod = spec["template"]["spec"]
    env = {entry["name"]: entry.get("value") for entry in pod["containers"][0]["env"]}
    probe = pod["containers"][0]["readinessProbe"]
    paths = {
        name: pod["containers"][0][f"{name}Probe"]["httpGet"]["path"] for name in ("startup", "readiness", "liveness")
    }

    assert pod["terminationGracePeriodSeconds"] >= int(env["NCCO_DRAIN_S"]) + 15
    assert int(env["NCCO_DRAIN_S"]) > probe["periodSeconds"] * probe["failureThreshold"]
    assert {"startup": "/readyz", "readiness": "/healthz", "liveness": "/healthz"} == paths
    assert 2 == spec["replicas"] > OBJECTS["PodDisruptionBudget"]["spec"]["minAvailable"]


def test_everything_refers_to_what_exists() -> None:
    labels = OBJECTS["Deployment"]["spec"]["template"]["metadata"]["labels"]
    made = set(re.findall(r"--from-(?:literal|file)=([a-z-]+)=", MANIFEST))
    asked = set(re.findall(r"\bkey: ([a-z-]+)", MANIFEST))

    assert labels == OBJECTS["Service"]["spec"]["selector"]
    assert labels == OBJECTS["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"]
    assert made == asked
    claims = {each["metadata"]["name"] for each in MANIFESTS if each["kind"] == "PersistentVolumeClaim"}
    assert claims == set(re.findall(r"claimName: ([a-z-]+)", MANIFEST))
    assert set(re.findall(r"create secret generic ([a-z-]+)", MANIFEST)) == {
        *re.findall(r"secretName: ([a-z-]+)", MANIFEST)
    }


def test_every_path_that_the_container_reads_or_writes_is_mounted() -> None:
    (container,) = pods()[0]["containers"]
    env = {entry["name"]: entry.get("value", "") for entry in container["env"]}
    mounted = {Path(mount["mountPath"]): mount.get("readOnly", False) for mount in container["volumeMounts"]}
    made = set(re.findall(r"--from-file=([a-z.-]+)", MANIFEST))

    assert mounted[Path(env["NCCO_RECORDINGS"])] is False
    for name in ("NCCO_CONSOLE_LOGINS", "VONAGE_PRIVATE_KEY", "VONAGE_SIGNATURE_SECRET_FILE", "NCCO_KEY_FILE"):
        assert mounted[Path(env[name]).parent] is True
    assert {Path(env["NCCO_CONSOLE_LOGINS"]).name, "private-key", "database-ca"} == made


def test_both_containers_have_the_certificate_that_the_database_url_names() -> None:
    file = Path(re.findall(r"sslrootcert=([\w/.-]+)", MANIFEST)[0])
    for pod in pods():
        [volume] = [
            mount["name"] for mount in pod["containers"][0]["volumeMounts"] if mount["mountPath"] == str(file.parent)
        ]
        [items] = [each["secret"]["items"] for each in pod["volumes"] if each["name"] == volume]
        assert file.name in {item["path"] for item in items}


def test_the_page_and_the_file_create_the_same_secrets() -> None:
    said = [set(re.findall(r"--from-(?:literal|file)=\S+[.=]\S+", text)) for text in (MANIFEST, PAGE)]

    assert said[0] == said[1]
