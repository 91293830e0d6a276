"""What a mutation is: a protective line of the product, a way to break it, tests that must notice."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutation:
    """`old` stands in the file exactly once: when the code changes, the list changes with it."""

    name: str
    file: str
    old: str
    new: str  # still compiles
    tests: str  # names of tests, or parts of them, with | between; at least one of them must fail
