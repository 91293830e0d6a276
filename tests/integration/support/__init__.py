"""Helpers for the integration tests: real programs, their old counterparts, raw HTTP."""
