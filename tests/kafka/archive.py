"""An archive of the classes that a broker loads (AppCDS), kept beside the jars."""

import tempfile
from pathlib import Path

from tests.kafka.broker import TEST_JVM, RealBroker
from tests.kafka.jars import Installation, locked


def archive_classes(installation: Installation) -> None:
    """Record the classes that a broker loads, so that later starts take half the time. Blocks for about 5 s, once.

    Without the archive everything works as well, only slower: a failure to make one is no error.
    """
    archive = installation.class_archive
    if archive.exists():
        return
    with locked(installation.home), tempfile.TemporaryDirectory(dir=installation.home, prefix="classes-") as scratch:
        if archive.exists():
            return
        recorded = Path(scratch) / archive.name
        broker = RealBroker(installation, jvm=(*TEST_JVM, f"-XX:ArchiveClassesAtExit={recorded}"))
        try:
            broker.start()
            broker.stop()
        finally:
            broker.close()
        if recorded.exists():
            recorded.rename(archive)
