"""The Java archives of Kafka and QuestDB: fetched by coordinates, believed only with the pinned SHA-256.

A lock file in `services/` holds one `group:artifact:version sha256:HEX` a line. Everything is kept in one cache
folder, so a second start fetches nothing and needs no network.
"""

import fcntl
import hashlib
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from jgo.maven import Dependency, MavenContext, PythonResolver

from twilight.ops.errors import Corrupt, SettingsError, Unavailable

FETCHES_AT_ONCE = 4
SERVICES = Path(__file__).resolve().parents[3] / "services"

Progress = Callable[[str, int, int], None]
"""Called with what is fetched, how many pieces are there, and of how many."""


@dataclass(frozen=True, slots=True)
class Pinned:
    """One archive: what it is and what its bytes must hash to."""

    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def file_name(self) -> str:
        """Return the archive's file name."""
        return f"{self.artifact}-{self.version}.jar"

    @property
    def label(self) -> str:
        """Return the archive's coordinates."""
        return f"{self.group}:{self.artifact}:{self.version}"


Resolve = Callable[[Pinned], Path]


def read_lock(name: str) -> list[Pinned]:
    """Return the archives that `services/<name>.lock` pins.

    Raises:
        SettingsError: the file is missing, or a line has no hash.
    """
    path = SERVICES / f"{name}.lock"
    if not path.is_file():
        raise SettingsError([f"services/{name}.lock is missing: check the project out again"])
    lines = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
    return [_parse(line, path) for line in lines]


def _parse(line: str, path: Path) -> Pinned:
    coordinate, _, digest = line.partition(" sha256:")
    group, artifact, version = coordinate.split(":")
    if len(digest) != hashlib.sha256().digest_size * 2:
        raise SettingsError([f"services/{path.name}: {coordinate} has no SHA-256: lock it again"])
    return Pinned(group, artifact, version, digest)


def fetch(name: str, cache: Path, progress: Progress, resolve: Resolve | None = None) -> Path:
    """Return a folder that holds every archive of the lock, each checked against its hash at every call.

    One that was damaged or changed since it was fetched is fetched again. `resolve` brings one archive to a file in
    the cache; by default from Maven Central.

    Raises:
        Corrupt: an archive's bytes are not the pinned ones.
        Unavailable: an archive cannot be fetched, or the disk is full.
    """
    pinned = read_lock(name)
    folder = cache / name / _fingerprint(pinned)
    with _locked(cache / f"{name}.lock"):
        folder.mkdir(parents=True, exist_ok=True)
        bring = resolve or partial(_from_maven, MavenContext(repo_cache=cache / "maven", resolver=PythonResolver()))
        with ThreadPoolExecutor(FETCHES_AT_ONCE) as pool:
            are_there = pool.map(lambda archive: _is_pinned(folder / archive.file_name, archive), pinned)
            missing = [archive for archive, is_there in zip(pinned, are_there, strict=True) if not is_there]
            fetched = pool.map(lambda archive: _fetch_one(bring, archive, folder / archive.file_name), missing)
            for count, _ in enumerate(fetched, start=len(pinned) - len(missing) + 1):
                progress(name, count, len(pinned))
    return folder


def _fingerprint(pinned: list[Pinned]) -> str:
    return hashlib.sha256("".join(p.sha256 for p in pinned).encode()).hexdigest()[:12]


def _is_pinned(path: Path, archive: Pinned) -> bool:
    return path.exists() and _sha256(path) == archive.sha256


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _fetch_one(resolve: Resolve, archive: Pinned, target: Path) -> None:
    """Fetch one archive; what an earlier, interrupted fetch left behind is thrown away and fetched once more."""
    digest = ""
    for _ in range(2):
        found = resolve(archive)
        digest = _sha256(found)
        if digest == archive.sha256:
            found.replace(target)
            return
        found.unlink()
    raise Corrupt(f"{archive.label}: expected SHA-256 {archive.sha256}, found {digest}: do not use it, ask why")


def _from_maven(context: MavenContext, archive: Pinned) -> Path:
    component = context.project(archive.group, archive.artifact).at_version(archive.version)
    try:
        return Path(component.artifact().resolve())
    except (OSError, RuntimeError) as error:
        why = getattr(error, "strerror", None) or error
        raise Unavailable(f"cannot fetch {archive.label}, so try again with disk space and a network: {why}") from error


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Let one process at a time fill the cache."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def lock(name: str, coordinate: str, cache: Path) -> None:
    """Write `services/<name>.lock` anew: resolve a coordinate and hash what it needs (for maintainers)."""
    group, artifact, version = coordinate.split(":")
    context = MavenContext(repo_cache=cache / "maven", resolver=PythonResolver())
    root = context.project(group, artifact).at_version(version).artifact()
    _, nodes = context.resolver.get_dependency_list([Dependency(root)])
    needed = [root, *(node.dep.artifact for node in nodes)]
    lines = [f"# {coordinate} and everything it needs to run; made by `twilight local lock {name} {coordinate}`"]
    for each in sorted(needed, key=lambda a: (a.groupId, a.artifactId)):
        digest = _sha256(Path(each.resolve()))
        lines.append(f"{each.groupId}:{each.artifactId}:{each.version} sha256:{digest}")
    (SERVICES / f"{name}.lock").write_text("\n".join(lines) + "\n")
