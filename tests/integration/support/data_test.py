"""A test around what a registry keeps on disk."""

import re
import signal

from support.harness import IntegrationTest
from support.raw_http import users

LOG_LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z ")


class DataTest(IntegrationTest):
    """Helpers around one data folder."""

    def file_lines(self, data=None):
        path = (data or self.dir / "registry") / "userlist.txt"
        return path.read_text().splitlines() if path.exists() else []

    def listed(self, registry):
        return {f"{name}@{user['endpoint']}" for name, user in users(registry).items()}

    def stop(self, registry):
        registry.signal(signal.SIGTERM)
        self.assertEqual(registry.wait(), 0)

    def only_sentence(self, registry):
        lines = [line for line in registry.stderr.decode().splitlines()
                 if line and not LOG_LINE.match(line)]
        sentences = [line for line in lines if not line.startswith("  ")]
        self.assertEqual(len(sentences), 1, lines)
        self.assertTrue(sentences[0].startswith("registry: "), lines)
        self.assertLessEqual(len(lines), 2, lines)
        return sentences[0]
