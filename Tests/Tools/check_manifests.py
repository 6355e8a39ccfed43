"""Checks manifests of Kubernetes against the schemas of its versions, without a cluster.

    check_manifests.py VERSION[,VERSION...] FILE...

Strictly: a field that a version does not know is refused, and so is one that is written twice, of
which YAML would take the second. Volumes, ports, labels and containers that a pod's template names
must be in the same document, which schemas cannot say. Prints a line a fault, `FILE: KIND/NAME:
where: what`, and exits with 1 when there is one; prints a line a document that is right.
"""

import sys

import kubernetes_validate
import yaml
from kubernetes_validate.utils import SchemaNotFoundError, VersionNotSupportedError


class Loader(yaml.SafeLoader):
    """Reads YAML as Kubernetes does: no key twice."""

    def construct_mapping(self, node, deep=False):
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for (key, _), name in zip(node.value, keys):
            if keys.count(name) > 1:
                raise yaml.MarkedYAMLError(problem=f"{name!r} is there twice",
                                           problem_mark=key.start_mark)
        return super().construct_mapping(node, deep)


def named(things):
    return {thing.get("name") for thing in things or []}


def within(thing, *names):
    """The value at a path; none where a part of the path is absent or null."""
    for name in names:
        thing = (thing or {}).get(name)
    return thing


def loose_ends(document):
    """Names in the template of a pod that nothing has."""
    spec = document.get("spec")
    pod = within(spec, "template", "spec")
    if not pod:
        return
    labels = within(spec, "template", "metadata", "labels") or {}
    for key, value in (within(spec, "selector", "matchLabels") or {}).items():
        if labels.get(key) != value:
            yield f"spec.selector: no pod has the label {key}={value}"
    claims = [claim["metadata"] for claim in within(spec, "volumeClaimTemplates") or []]
    volumes = named(pod.get("volumes")) | named(claims)
    for container in pod["containers"]:
        where = f"spec.template.spec.containers.{container['name']}"
        for mount in container.get("volumeMounts") or []:
            if mount["name"] not in volumes:
                yield f"{where}.volumeMounts: there is no volume {mount['name']!r}"
        for probe in ("livenessProbe", "readinessProbe", "startupProbe"):
            port = within(container, probe, "httpGet", "port")
            if isinstance(port, str) and port not in named(container.get("ports")):
                yield f"{where}.{probe}: there is no port {port!r}"
    for rule in within(spec, "podFailurePolicy", "rules") or []:
        name = within(rule, "onExitCodes", "containerName")
        if name is not None and name not in named(pod["containers"]):
            yield f"spec.podFailurePolicy: there is no container {name!r}"


def faults(document, versions):
    """All that is wrong with one document, in words."""
    fits = True
    for version in versions:
        try:
            if kubernetes_validate.validate(document, version, strict=True) == version:
                continue
            words = "the validator has no schemas of this version"
        except kubernetes_validate.ValidationError as error:
            words = f"{'.'.join(str(step) for step in error.path) or 'top'}: {error.message}"
        except (SchemaNotFoundError, VersionNotSupportedError) as error:
            words = error.message
        fits = False
        yield f"{words}, by Kubernetes {version}"
    if fits:
        # Now it has the fields that are looked at there.
        yield from loose_ends(document)


def check(path, versions):
    """Returns what is wrong with a file; prints the documents that are right."""
    try:
        with open(path, encoding="utf-8") as file:
            documents = [read for read in yaml.load_all(file, Loader) if read is not None]
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        return [f"{path}: {' '.join(str(error).split())}"]
    found = [] if documents else [f"{path}: there is no document in it"]
    for document in documents:
        if not isinstance(document, dict) or not all(
                isinstance(document.get(field), str) for field in ("apiVersion", "kind")):
            found.append(f"{path}: a document without apiVersion and kind")
            continue
        metadata = document.get("metadata")
        name = f"{document['kind']}/{metadata.get('name') if isinstance(metadata, dict) else None}"
        wrong = [f"{path}: {name}: {words}" for words in faults(document, versions)]
        found += wrong
        if not wrong:
            print(f"{path}: {name} fits Kubernetes {', '.join(versions)}")
    return found


if __name__ == "__main__":
    versions, *paths = sys.argv[1:]
    found = [fault for path in paths for fault in check(path, versions.split(","))]
    print("\n".join(found), file=sys.stderr)
    sys.exit(1 if found or not paths else 0)
