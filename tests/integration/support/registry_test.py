"""A test around one registry."""

from support.harness import IntegrationTest
from support.raw_http import call, users


class RegistryTest(IntegrationTest):
    """Starts a registry, which must still answer when the test is over."""

    def setUp(self):
        super().setUp()
        self.registry = self.start_registry()

    def tearDown(self):
        try:
            if self.registry.is_running():
                self.assertEqual(call(self.registry, target="/healthz").status, 200, "alive")
        finally:
            super().tearDown()

    def is_listed(self, name):
        return name in users(self.registry)
